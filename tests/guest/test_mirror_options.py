# SPDX-License-Identifier: GPL-2.0-or-later
"""The options of kftp mirror, each by what it changes, both ways."""
import os
import stat
import time

import pytest

from guide import each
from mirrors import both_ways, down_first, mirror, read, up_first, write  # noqa: F401
from trees import DAY, differences, make_tree, snapshot

OLD, NEW = 1500000000, 1600000000
FILES = {"a.txt": b"a", "b.log": b"bb" * 100, "sub/c.txt": b"ccc", "sub/deep/d.txt": b"dddd" * 1000, "sub/deep/er/e.log": b"eeeee", "other/f": b""}


def made(mirror, upload, files=None):
    """source and target, the former with these files."""
    source, target = mirror.ends(upload)
    write(source, FILES if files is None else files)
    return source, target


# ---- what is in the target only, or is not to be

@up_first
def test_delete(upload, vsftpd, mirror):
    """Without it nothing is ever removed, with it all that the source does not have is."""
    source, target = made(mirror, upload)
    write(target, {"extra": b"x", "sub/extra": b"x", "gone/deep/er/extra": b"x", "gone/empty": None, "a.txt/not a file": b"x"})
    write(source, {"empty": None})
    done = mirror.go(upload, vsftpd, status=3)
    done.assert_failed_for("a.txt")
    assert set(read(target)) == {*FILES, "extra", "sub/extra", "gone/deep/er/extra", "a.txt/not a file"} - {"a.txt"}
    done = mirror.go(upload, vsftpd, "--delete").assert_moved("a.txt")
    assert not differences(source, target)
    assert len([e for e in done.events if e["action"] == "delete"]) == 4


@down_first
def test_dry_run(upload, vsftpd, mirror):
    """It tells what would be done, and does none of it."""
    source, target = made(mirror, upload)
    write(target, {"extra": b"x", "a.txt": b"other"}, NEW)
    mirror.give()
    before = snapshot(source), snapshot(target)
    plan = mirror.go(upload, vsftpd, "--dry-run", "--delete")
    assert (snapshot(source), snapshot(target)) == before
    assert not plan.moved() and not plan.count("DELE", "MKD", "RMD", "MFMT", "SITE")
    assert all(e["planned"] for e in plan.events)
    done = mirror.go(upload, vsftpd, "--delete")
    assert not [e for e in done.events if e["planned"]]

    def deeds(outcome):
        return sorted((e["action"], e["name"], e["why"]) for e in outcome.events)
    assert deeds(plan) == deeds(done)
    assert not differences(source, target)


@up_first
def test_dry_run_into_what_is_not_there(upload, vsftpd, mirror):
    made(mirror, upload)
    plan = mirror.go(upload, vsftpd, "--dry-run")
    assert len([e for e in plan.events if e["planned"]]) == len(FILES)
    assert not mirror.ends(upload)[1].exists()


# ---- what is taken for the same

@down_first
def test_newer(upload, vsftpd, mirror):
    source, target = made(mirror, upload, {})
    write(source, {"older": b"source's", "same": b"same", "not there": b"x"}, OLD)
    write(source, {"newer": b"source's"}, NEW)
    write(target, {"older": b"target's own", "newer": b"target's own"}, (OLD + NEW) // 2)
    write(target, {"same": b"same"}, OLD)
    mirror.go(upload, vsftpd, "--newer").assert_moved("newer", "not there")
    assert (target / "older").read_bytes() == b"target's own"
    assert (target / "newer").read_bytes() == b"source's"
    mirror.go(upload, vsftpd).assert_moved("older")
    assert not differences(source, target)


@up_first
def test_a_time_alone_moves_a_file_and_permissions_do_not(upload, vsftpd, mirror):
    source, _ = made(mirror, upload)
    mirror.go(upload, vsftpd)
    os.utime(source / "a.txt", (OLD, OLD))
    os.chmod(source / "b.log", 0o600)
    mirror.go(upload, vsftpd).assert_moved("a.txt")
    mirror.go(upload, vsftpd).assert_nothing_moved()


@pytest.mark.slow
@both_ways
def test_compare_size(upload, vsftpd, mirror):
    source, target = made(mirror, upload)
    mirror.go(upload, vsftpd)
    write(source, {"a.txt": b"A", "b.log": b"other size"}, OLD)
    mirror.go(upload, vsftpd, "--compare=size").assert_moved("b.log")
    assert (target / "a.txt").read_bytes() == b"a"


@up_first
def test_compare_hash(upload, servers, mirror):
    """ProFTPD has hashes: what differs is found though size and time are the same, and a new time moves nothing."""
    server = servers.get("proftpd")
    source, target = made(mirror, upload)
    mirror.go(upload, server)
    write(source, {"a.txt": b"A"})
    os.utime(source / "b.log", (OLD, OLD))
    mirror.go(upload, server).assert_moved("b.log")
    os.utime(source / "sub/c.txt", (OLD, OLD))
    mirror.go(upload, server, "--compare=hash").assert_moved("a.txt")
    assert not differences(source, target, times=False)


@pytest.mark.slow
def test_compare_hash_where_there_is_none(vsftpd, mirror):
    source, target = made(mirror, False)
    mirror.down(vsftpd, "--compare=hash")
    os.utime(source / "a.txt", (OLD, OLD))
    mirror.down(vsftpd, "--compare=hash").assert_moved("a.txt")
    mirror.down(vsftpd, "--compare=hash").assert_nothing_moved()
    assert not differences(source, target)


# ---- what is done besides

@down_first
def test_move(upload, vsftpd, mirror):
    """What has arrived, or was there, is gone from the source; what has not is not."""
    source, target = made(mirror, upload)
    write(target, {"a.txt": FILES["a.txt"], "sub/c.txt/in the way": b""}, NEW)
    done = mirror.go(upload, vsftpd, "--move", status=3)
    done.assert_moved(*set(FILES) - {"a.txt", "sub/c.txt"})
    assert set(read(source)) == {"sub/c.txt"}
    assert {k: v for k, v in read(target).items() if k in FILES} == {k: v for k, v in FILES.items() if k != "sub/c.txt"}
    assert not (source / "other").exists() and not (source / "sub/deep").exists()


@up_first
def test_permissions(upload, vsftpd, mirror):
    source, target = made(mirror, upload)
    modes = {"a.txt": 0o600, "b.log": 0o755, "sub/c.txt": 0o640, "sub": 0o711}
    for path, mode in modes.items():
        os.chmod(source / path, mode)
    mirror.go(upload, vsftpd, "--permissions")
    assert {p: stat.S_IMODE((target / p).stat().st_mode) for p in modes} == modes
    os.chmod(source / "a.txt", 0o604)
    os.chmod(target / "b.log", 0o666)
    done = mirror.go(upload, vsftpd, "--permissions")
    assert not done.moved() and {e["action"] for e in done.events} == {"set"} and len(done.events) == 2
    assert not differences(source, target, modes=True)
    mirror.go(upload, vsftpd, "--permissions").assert_nothing_moved()


# ---- links

def linked(mirror, upload):
    source, target = made(mirror, upload)
    (source / "to a file").symlink_to("sub/c.txt")
    (source / "to a directory").symlink_to("sub/deep")
    (source / "other/up").symlink_to("../a.txt")
    return source, target


@pytest.mark.slow
@both_ways
def test_links_skipped(upload, vsftpd, mirror):
    _, target = linked(mirror, upload)
    mirror.go(upload, vsftpd, "--symlinks=skip").assert_moved(*FILES)
    assert read(target) == FILES


@down_first
def test_links_followed(upload, vsftpd, mirror):
    """What they lead to stands in their places."""
    source, target = linked(mirror, upload)
    mirror.go(upload, vsftpd, "--symlinks=follow")
    assert not differences(source, target, follow=True)
    assert not [p for p in target.rglob("*") if p.is_symlink()]
    mirror.go(upload, vsftpd, "--symlinks=follow").assert_nothing_moved()


def test_links_copied(vsftpd, mirror):
    source, target = linked(mirror, False)
    done = mirror.down(vsftpd, "--symlinks=copy").assert_moved(*FILES)
    assert not differences(source, target)
    assert len([e for e in done.events if e["action"] == "link"]) == 3
    mirror.down(vsftpd).assert_nothing_moved()  # it is the default
    (source / "to a file").unlink()
    (source / "to a file").symlink_to("a.txt")
    mirror.down(vsftpd).assert_moved()
    assert not differences(source, target)
    mirror.up(vsftpd).assert_nothing_moved()  # links that are the same on both sides are left alone


def test_links_that_lead_out_are_not_sent_unless_told(vsftpd, mirror, target):
    source, there = made(mirror, True)
    write(target, {"outside/secret": b"secret"})
    (source / "out").symlink_to("../outside/secret")
    (source / "absolute").symlink_to(target / "outside")
    (source / "nowhere").symlink_to("not there")
    done = mirror.up(vsftpd, status=3)
    done.assert_failed_for("out", "absolute", "nowhere")
    assert read(there) == FILES
    mirror.up(vsftpd, "--symlinks=follow", status=3).assert_failed_for("nowhere")
    assert read(there) == {**FILES, "out": b"secret", "absolute/secret": b"secret"}


# ---- filters

FILTERS = {
    "include": (["--include=*.txt"], {"a.txt", "sub/c.txt", "sub/deep/d.txt"}),
    "includes": (["--include=*.txt", "--include=f"], {"a.txt", "sub/c.txt", "sub/deep/d.txt", "other/f"}),
    "include-path": (["--include=sub/*.txt"], {"sub/c.txt"}),
    "include-any-depth": (["--include=sub/**"], {"sub/c.txt", "sub/deep/d.txt", "sub/deep/er/e.log"}),
    "exclude": (["--exclude=*.log"], set(FILES) - {"b.log", "sub/deep/er/e.log"}),
    "exclude-directory": (["--exclude=deep/"], {"a.txt", "b.log", "sub/c.txt", "other/f"}),
    "both": (["--include=*.txt", "--exclude=sub/deep/*"], {"a.txt", "sub/c.txt"}),
    "include-regex": (["--include-regex=^[ab]\\."], {"a.txt", "b.log"}),
    "exclude-regex": (["--exclude-regex=(^|/)(d|e)"], set(FILES) - {"sub/deep/d.txt", "sub/deep/er/e.log"}),
    "min-size": (["--min-size=5"], {"b.log", "sub/deep/d.txt", "sub/deep/er/e.log"}),
    "max-size": (["--max-size=4"], {"a.txt", "sub/c.txt", "other/f"}),
    "max-depth-1": (["--max-depth=1"], {"a.txt", "b.log"}),
    "max-depth-2": (["--max-depth=2"], {"a.txt", "b.log", "sub/c.txt", "other/f"}),
}


@each("name", FILTERS, quick=2)
@both_ways
def test_filters(upload, name, vsftpd, mirror):
    options, expected = FILTERS[name]
    _, target = made(mirror, upload)
    mirror.go(upload, vsftpd, *options).assert_moved(*expected)
    assert set(read(target)) == expected


@both_ways
@pytest.mark.parametrize("option, expected", [("--min-age", {"old"}), ("--max-age", {"young"})], ids=["min", "max"])
def test_ages(option, expected, upload, vsftpd, mirror):
    source, target = made(mirror, upload, {})
    write(source, {"young": b"x"}, time.time() - 3600)
    write(source, {"old": b"x"}, time.time() - 9 * DAY)
    mirror.go(upload, vsftpd, f"{option}=3d").assert_moved(*expected)
    assert set(read(target)) == expected


@up_first
def test_what_the_filters_leave_out_is_not_deleted(upload, vsftpd, mirror):
    """Neither from the target, nor with --move from the source."""
    source, target = made(mirror, upload)
    write(target, {"mine.log": b"x", "extra.txt": b"x", "deep/kept": b"x"})
    mirror.go(upload, vsftpd, "--delete", "--exclude=*.log", "--exclude=deep/")
    assert set(read(target)) == {"a.txt", "sub/c.txt", "other/f", "mine.log", "deep/kept"}
    mirror.go(upload, vsftpd, "--move", "--exclude=*.log")
    assert set(read(source)) == {"b.log", "sub/deep/er/e.log"}


# ---- shards and sessions

@down_first
def test_shards_together_are_the_whole_and_none_has_what_another_one_has(upload, vsftpd, mirror, target):
    source, _ = mirror.ends(upload)
    make_tree(source, seed=11, files=40, directories=8, deep=2, links=False)
    whole, moved = read(source), []
    for shard in range(7):
        moved.append(set(mirror.go(upload, vsftpd, f"--shard={shard}/7").moved()))
    assert sum(map(len, moved)) == len(set().union(*moved)) == len(whole)
    assert len([m for m in moved if m]) >= 5, "hardly shared out"
    assert read(mirror.ends(upload)[1]) == whole
    mirror.go(upload, vsftpd).assert_nothing_moved()


@pytest.mark.slow
def test_a_shard_deletes_only_what_is_its_own(vsftpd, mirror):
    _, target = made(mirror, False, {"kept": b"x"})
    extra = {f"extra{i}": b"x" for i in range(30)}
    write(target, extra)
    left = []
    for shard in range(3):
        mirror.down(vsftpd, "--delete", f"--shard={shard}/3")
        left.append(len(read(target)) - 1)
    assert 30 > left[0] > left[1] > left[2] == 0


@both_ways
@each("parallel", [16, 4, 1], quick=1)
def test_parallel(parallel, upload, vsftpd, mirror):
    """So many sessions and no more, and the same tree."""
    source, target = mirror.ends(upload)
    make_tree(source, seed=12, files=60, directories=10, deep=2, links=False)
    done = mirror.go(upload, vsftpd, f"--parallel={parallel}")
    assert not differences(source, target)
    sessions = done.count("USER")
    assert sessions <= parallel
    assert sessions > 1 or parallel == 1
