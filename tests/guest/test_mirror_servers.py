# SPDX-License-Identifier: GPL-2.0-or-later
"""Mirrors where the server, the disk or the listing is not all that one could wish for."""
import os
import shutil
import subprocess
import time

import pytest

from guide import each
from mirrors import both_ways, down_first, mirror, read, shown, up_first, write  # noqa: F401
from servers import real
from servers.listed import CONTENT, Directory, File, ListedServer
from servers.real_tls import Settings
from support import PASSWORD, USER, write_pattern
from test_mirror import NOT_FETCHED, NOT_SENT
from trees import DAY, differences, make_tree

SOME = {"a": b"a", "b": b"bb", "sub/c": b"ccc", "sub/deep/d": b"dddd", "empty": b""}


@pytest.fixture
def configured(request, account):
    """make(NAME, LINES, TZ) starts a server with more lines in its configuration, in some time zone."""
    started = []

    def make(name, lines="", zone=""):
        class Configured(real.ALL[name]):
            def command(self):
                command = super().command()
                with open(command[-1], "a", encoding="ascii") as configuration:
                    configuration.write(lines + "\n")
                return [*(["env", f"TZ={zone}"] if zone else []), *command]

        directory = f"/run/servers/{request.node.name}-{len(started)}".replace("[", "-").replace("]", "")
        started.append(Configured(directory, USER, PASSWORD))
        return started[-1].start()

    yield make
    for server in started:
        server.stop()


# ---- names that a server cannot carry

@pytest.mark.parametrize("name", ["pure-ftpd", "pyftpdlib"])
@both_ways
def test_names_that_a_server_does_not_carry(upload, name, servers, mirror):
    """They are named, and all others arrive; and that again in the next run, which moves nothing else."""
    server = servers.get(name)
    without = (NOT_SENT if upload else NOT_FETCHED)[name]
    source, target = mirror.ends(upload)
    os.makedirs(source)
    for path in [*without, b"plain", b"two words"]:
        with open(os.fsencode(source) + b"/" + path, "wb") as f:
            f.write(path)
    (source / "sub").mkdir()
    for path in [*without, b"plain"]:
        os.makedirs(os.fsencode(source) + b"/sub/" + path)
        with open(os.fsencode(source) + b"/sub/" + path + b"/inside", "wb") as f:
            f.write(path)
    for again in (False, True):
        done = mirror.go(upload, server, status=3)
        failed = {path for _, path, _ in done.failures()}
        for path in without:
            assert shown(path) in failed, f"{path!r} is not named: {failed}"
        for path in ("plain", "two words", "sub/plain/inside"):
            assert (target / path).read_bytes() == (source / path).read_bytes()
        if again:
            assert not set(done.moved()) & {"plain", "two words", "sub/plain/inside"}


@each("name", ["line\nend", "esc\x1b[2J", "return\rend", "tab\tin"], quick=1)
def test_local_names_with_control_bytes_are_not_sent(name, vsftpd, mirror):
    write(mirror.here, {"plain": b"x", name: b"x", f"sub {name}/inside": b"x"})
    done = mirror.up(vsftpd, status=3)
    assert read(mirror.there) == {"plain": b"x"}
    assert len(done.failures()) == 2 and all("control" in error for _, _, error in done.failures())
    done.assert_moved("plain")


# ---- sessions

@down_first
def test_a_server_that_lets_in_only_two(upload, configured, mirror):
    """The mirror does with what it gets."""
    server = configured("vsftpd", "max_per_ip=2")
    source, target = mirror.ends(upload)
    make_tree(source, seed=21, files=60, directories=10, deep=2, links=False)
    done = mirror.go(upload, server, "--parallel=8")
    assert not differences(source, target)
    assert 1 <= done.count("USER") <= 8
    assert not done.failures()


@each("name", ["proftpd", "vsftpd", "pure-ftpd"], quick=1)
@up_first
def test_TLS(upload, name, servers, certificates, mirror):
    """Every session's data connections resume its own TLS session, or ProFTPD and vsftpd refuse them."""
    server = servers.get(name, Settings(certificates.good.pem))
    source, target = mirror.ends(upload)
    write(source, SOME)
    options = ["--tls=require", f"--ca={certificates.ca}", "--parallel=3"]
    done = mirror.go(upload, server, *options)
    assert not differences(source, target)
    assert all(e["tls"] for e in done.events if e["action"] in ("get", "put"))
    mirror.go(upload, server, *options).assert_nothing_moved()


# ---- clocks

def write_times(root):
    """Files of summer and winter, of the last minutes and of last year."""
    now = int(time.time())
    times = [now - 30, now - 700, now - 3 * 3600, now - 30 * DAY, now - 80 * DAY, now - 130 * DAY, now - 175 * DAY, now - 300 * DAY,
             now - 400 * DAY, 1610000000, 1625000000, 1582934399]
    for i, mtime in enumerate(times):
        write(root, {f"file {i}": b"%d" % i, f"sub/file {i}": b"x"}, mtime)


@down_first
@each("zone", ["Europe/Berlin", "America/St_Johns", "Pacific/Kiritimati", "Pacific/Pago_Pago"], quick=1)
def test_a_server_that_lists_in_its_own_time(upload, zone, configured, mirror):
    """ProFTPD without MLSD: LIST by its zone's clock, with daylight saving time, and MDTM in UTC."""
    server = configured("proftpd", "TimesGMT off\n<IfModule mod_facts.c>\nFactsAdvertise off\n</IfModule>", zone)
    source, target = mirror.ends(upload)
    write_times(source)
    first = mirror.go(upload, server)
    assert not first.count("MLSD"), "that would tell UTC"
    assert not differences(source, target)
    mirror.go(upload, server).assert_nothing_moved()
    os.utime(source / "file 3", (1600000000, 1600000000))
    os.utime(source / "file 9", (1610000000 + 2 * DAY,) * 2)
    mirror.go(upload, server).assert_moved("file 3", "file 9")


@pytest.mark.slow
@both_ways
def test_a_server_with_a_clock_of_its_own(upload, configured, mirror):
    """vsftpd with use_localtime means its own time with MDTM, too: nobody can know, but it stays the same time."""
    server = configured("vsftpd", "use_localtime=YES", "America/New_York")
    source, target = mirror.ends(upload)
    write_times(source)
    mirror.go(upload, server)
    assert not differences(source, target, times=False)
    mirror.go(upload, server).assert_nothing_moved()


def test_a_server_that_keeps_no_times(configured, mirror):
    """What was sent once is not sent again, and what has changed since is."""
    server = configured("vsftpd", "mdtm_write=NO")
    write(mirror.here, SOME)
    mirror.up(server, retries=1).assert_moved(*SOME)
    mirror.up(server).assert_nothing_moved()
    write(mirror.here, {"a": b"A"}, time.time() + 90)
    mirror.up(server).assert_moved("a")


# ---- listings that are not whole

INCOMPLETE = {
    "unreadable": ([File(b"a"), b"what is this?\r\n", Directory(b"sub")], b"226 Done\r\n"),
    "truncated": ([File(b"a"), Directory(b"sub")], b"226-Output truncated to 2 matches\r\n226 2 matches total\r\n"),
    "error": ([File(b"a"), Directory(b"sub")], b"451 Error while reading the directory\r\n"),
}


@pytest.mark.parametrize("kind", INCOMPLETE)
def test_nothing_is_deleted_where_the_listing_is_not_whole(kind, kftp, mirror):
    entries, reply = INCOMPLETE[kind]
    write(mirror.here, {"a": CONTENT, "mine": b"x", "sub/mine": b"x", "directory/mine": b"x"})
    with ListedServer({"": entries, "sub": [File(b"b")]}, "LIST", reply=reply) as server:
        done = kftp.verb("mirror", "--json", "--delete", server.url(), mirror.here)
    assert done.status not in (0, 2), done.stderr
    kept = read(mirror.here)
    assert {"a", "mine", "directory/mine"} <= set(kept)


def test_nothing_is_deleted_where_a_directory_cannot_be_listed(kftp, mirror):
    write(mirror.here, {"gone": b"x", "closed/mine": b"x", "sub/gone": b"x"})
    entries = {"": [Directory(b"closed"), Directory(b"sub")], "sub": [File(b"b")]}
    replies = {"CWD": lambda s, a: s.send(b"550 Permission denied\r\n") if "closed" in a else s.server.change(s, a)}
    with ListedServer(entries, "MLSD", replies) as server:
        done = kftp.verb("mirror", "--json", "--delete", server.url(), mirror.here)
    assert done.status == 3, done.stderr
    assert read(mirror.here) == {"closed/mine": b"x", "sub/b": CONTENT}
    assert [e["name"] for e in done.json_lines if e["error"]] == ["closed"]


@each("options", [["--delete"], []], ids=["delete", "plain"], quick=1)
def test_a_source_that_is_not_there(options, any_server, mirror):
    """Nothing is deleted, and nothing made but the target itself."""
    failed = mirror.kftp.verb("mirror", *options, any_server.url("there"), mirror.here).assert_failed(5)
    assert "there" in failed.stderr and f":{any_server.port}" in failed.stderr
    assert not mirror.here.exists() or not list(mirror.here.iterdir())
    write(mirror.here, SOME)
    mirror.kftp.verb("mirror", *options, any_server.url("there"), mirror.here).assert_failed(5)
    assert read(mirror.here) == SOME


def test_a_source_here_that_is_not_there(vsftpd, mirror):
    write(mirror.there, SOME)
    mirror.give()
    failed = mirror.kftp.verb("mirror", "--delete", mirror.here, vsftpd.url("there")).assert_failed(7)
    assert "here" in failed.stderr
    assert read(mirror.there) == SOME


def test_a_source_that_is_a_file(vsftpd, mirror):
    write(mirror.home, {"there": b"x"})
    write(mirror.here, SOME)
    mirror.give()
    failed = mirror.kftp.verb("mirror", "--delete", vsftpd.url("there"), mirror.here)
    assert failed.status == 5, failed.stderr
    assert read(mirror.here) == SOME


# ---- disks

@pytest.fixture
def small_disk(mirror):
    mirror.here.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", mirror.here], check=True)
    yield mirror.here
    subprocess.run(["umount", "-l", mirror.here], check=True)


def test_a_full_disk_here(small_disk, vsftpd, mirror):
    """That is no failure of a single file: the mirror ends, and what has a final name is whole."""
    for i in range(8):
        write_pattern(mirror.home / f"file{i}", 300 << 10, seed=i)
    mirror.there.mkdir()
    for i in range(8):
        shutil.move(mirror.home / f"file{i}", mirror.there)
    done = mirror.down(vsftpd, "--parallel=2", status=7)
    assert "space" in done.stderr.lower()
    for path, data in read(small_disk).items():
        if not path.startswith("."):
            assert data == (mirror.there / path).read_bytes(), path
    subprocess.run(["mount", "-o", "remount,size=8m", small_disk], check=True)
    mirror.down(vsftpd)
    assert not differences(mirror.there, mirror.here)


def test_a_directory_here_that_may_not_be_written(vsftpd, mirror, home):
    """Each of its files is named, and those elsewhere arrive."""
    status = home.stat()
    write(mirror.there, SOME)
    mirror.here = home / "here"
    write(mirror.here, {"sub": None})
    (home / "password").write_text(PASSWORD)
    mirror.give()
    os.chmod(home / "password", 0o600)
    os.chmod(mirror.here / "sub", 0o555)
    os.chmod("/dev/kftp", 0o666)
    try:
        done = mirror.kftp.run("mirror", "--json", f"--password-file={home}/password", "--retries=0", vsftpd.url("there"), mirror.here, cwd="/",
                               user=status.st_uid, group=status.st_gid, extra_groups=[], env={**os.environ, "HOME": str(home)})
    finally:
        os.chmod("/dev/kftp", 0o660)
    assert done.status == 3, done.stderr
    assert read(mirror.here) == {k: v for k, v in SOME.items() if not k.startswith("sub/")}
    assert {"sub/c", "sub/deep"} <= {e["name"] for e in done.json_lines if e["error"]}
