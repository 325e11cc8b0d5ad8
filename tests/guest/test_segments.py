# SPDX-License-Identifier: GPL-2.0-or-later
"""One large file over several sessions, in parts: kftp get --segments."""
import json
import os
import random
import signal
import subprocess
import time

import pytest

from servers.real import ALL
from servers.scripted import USUAL, ScriptedServer
from support import COUNT, names, pattern, same_bytes, wait_until, write_pattern
from tls_guest import options, settings

MIB = 1 << 20
TEMPORARY, STATE = ".file.kftp-part", ".file.kftp-state"
DATA = pattern(8 << 16)
BEFORE, AFTER = b"213 20200101000000\r\n", b"213 20210101000000\r\n"


def in_segments(n, size, *arguments):
    return "--json", f"--segments={n}", f"--segment-size={size}", *arguments


def restarts(commands):
    return sorted(int(line.split()[1]) for line in commands if line.startswith("REST ") and line != "REST 0")


def logins(commands):
    return sum(line.startswith("USER ") for line in commands)


def received(target):
    """Bytes of the temporary file that are no hole."""
    try:
        return (target / TEMPORARY).stat().st_blocks * 512
    except FileNotFoundError:
        return 0


def recorded(target):
    """What is recorded of the parts: their size, and how many bytes of each are on the disk."""
    try:
        state = json.loads((target / STATE).read_text())
    except FileNotFoundError:
        return None
    return (state["part"], state["synced"]) if state["version"] == 2 else None


def what_is_missing(record, size):
    """Where requests have to begin that fetch what was not recorded, and nothing else."""
    part, synced = record
    starts = [i * part + n for i, n in enumerate(synced) if n < min(part, size - i * part)]
    return [start for start in starts if start > 0]


def start(server, kftp, target, *arguments, wanted=MIB, **keywords):
    """A download in 4 segments, of which some has come."""
    running = kftp.start_get(*in_segments(4, "256K", *arguments), server.url("file"), **keywords)
    wait_until(lambda: received(target) >= wanted or running.process.poll() is not None, "no data came")
    assert running.process.poll() is None, f"ended too early: {running.wait().stderr}"
    return running


def restart(server):
    server.kill()
    server.rate = 0
    server.start()
    return server.mark()


def goes_on(server, kftp, home, target, record):
    """The rest is fetched by a later call, and only that."""
    size = (home / "file").stat().st_size
    mark = restart(server)
    done = kftp.get(*in_segments(4, "256K", "-c"), server.url("file")).assert_done().json
    assert same_bytes(home / "file", target / "file")
    assert names(target) == ["file"]
    assert done["bytes"] == size
    assert done["resumed_from"] == sum(record[1])
    assert restarts(server.commands(mark)) == what_is_missing(record, size)


# ---- what arrives

def test_parts_of_real_servers(server, home, kftp, target):
    write_pattern(home / "file", 4 * MIB + 12345)
    mark = server.mark()
    done = kftp.get(*in_segments(2, "768K"), server.url("file")).assert_done().json
    assert same_bytes(home / "file", target / "file")
    assert names(target) == ["file"]
    assert done["bytes"] == 4 * MIB + 12345 and done["resumed_from"] == 0 and done["result"] == "done"
    commands = server.commands(mark)
    part = (4 * MIB + 12345 - 1) // 4 + 1
    assert restarts(commands) == [part, 2 * part, 3 * part]
    assert sum(line == "RETR file" for line in commands) == 4
    assert logins(commands) <= 2  # a session is as good as before when a part of it was cut off


@pytest.mark.parametrize("name", ["vsftpd", *(pytest.param(n, marks=pytest.mark.slow) for n in ALL if n != "vsftpd")])
def test_parts_with_tls(name, servers, certificates, home, kftp, target):
    server = servers.get(name, settings(certificates))
    write_pattern(home / "file", 3 * MIB)
    mark = server.mark()
    kftp.get(*in_segments(3, "512K"), *options(server, certificates), server.url("file")).assert_done()
    assert same_bytes(home / "file", target / "file")
    assert restarts(server.commands(mark)) == [i * MIB // 2 for i in range(1, 6)]


@pytest.mark.slow
def test_the_speed_of_several_sessions(slow_server, home, kftp, target):
    """That of one and much more, from a server that gives each of them a quarter of what there is."""
    server = slow_server("vsftpd", rate=200_000)  # little enough for an emulated machine that has other things to do
    write_pattern(home / "file", 4 * MIB)
    one = kftp.get("--json", server.url("file"), "one").assert_done().json
    four = kftp.get("--json", "--segments=4", "--segment-size=1M", server.url("file"), "four").assert_done().json
    assert same_bytes(home / "file", target / "one") and same_bytes(home / "file", target / "four")
    assert one["usec"] > 2 * four["usec"], f"{one['usec'] / four['usec']:.2f} times the speed"


@pytest.mark.slow
def test_the_limit_is_for_all_sessions_together(vsftpd, home, kftp, target):
    write_pattern(home / "file", 4 * MIB)
    done = kftp.get(*in_segments(4, "1M", "--limit-rate=1M"), vsftpd.url("file")).assert_done()
    assert same_bytes(home / "file", target / "file")
    assert done.seconds > 3


def test_verified_by_its_hash(servers, home, kftp, target):
    server = servers.get("proftpd")
    mark = server.mark()
    write_pattern(home / "file", 2 * MIB)
    kftp.get(*in_segments(2, "512K", "--verify=size,mtime,hash"), server.url("file")).assert_done()
    assert same_bytes(home / "file", target / "file")
    assert any(line.startswith(("HASH", "XCRC", "XMD5", "XSHA")) for line in server.commands(mark))


# ---- servers and files that cannot be had in parts

@pytest.mark.parametrize("what", ["size", "mdtm", "feat", "rest", "small"])
def test_fetched_whole(what, kftp, target):
    replies = {"size": {"SIZE": b"502 No\r\n"}, "mdtm": {"MDTM": b"502 No\r\n"}, "rest": {"REST": b"502 No\r\n"}}.get(what, {})
    features = ("SIZE", "MDTM", "EPSV") if what == "feat" else ("SIZE", "MDTM", "REST STREAM", "EPSV")
    size = "300K" if what == "small" else "64K"
    with ScriptedServer({"file": DATA}, replies, features=features) as server:
        done = kftp.get(*in_segments(4, size), server.url("file")).assert_done().json
    assert (target / "file").read_bytes() == DATA
    assert names(target) == ["file"]
    assert done["resumed_from"] == 0
    if what != "rest":
        assert logins(server.commands) == 1 and "RETR file" in server.commands
        assert restarts(server.commands) == []


@pytest.mark.parametrize("refusal", ["421 Too many sessions", "530 Too many sessions"])
def test_a_server_that_does_not_let_in_as_many(refusal, kftp, target):
    replies = {"PASS" if refusal.startswith("530") else "": [USUAL, USUAL, refusal.encode() + b"\r\n"]}
    with ScriptedServer({"file": DATA}, replies) as server:
        kftp.get(*in_segments(4, "64K"), server.url("file")).assert_done()
    assert (target / "file").read_bytes() == DATA
    assert names(target) == ["file"]


def test_sessions_that_break_off(kftp, target):
    """What one leaves, others or later ones fetch: no byte twice."""
    sent = []

    def broken(session, name):
        begin = session.restart
        session.send(b"150 Here\r\n")
        with session.open_data() as data:
            data.sendall(DATA[begin:begin + 20_000])
        sent.append(begin)
        session.close()

    with ScriptedServer({"file": DATA}, {"RETR": [broken, broken, broken, USUAL]}) as server:
        kftp.get(*in_segments(2, "64K"), server.url("file"), retries=5).assert_done()
    assert (target / "file").read_bytes() == DATA
    assert names(target) == ["file"]
    assert {begin + 20_000 for begin in sent} <= set(restarts(server.commands))


def test_a_size_that_is_not_true(kftp, target):
    with ScriptedServer({"file": DATA}, {"SIZE": b"213 4611686018427387904\r\n"}) as server:
        failed = kftp.get(*in_segments(4, "64K"), server.url("file"))
    assert failed.status in (6, 7, 8), failed.stderr
    assert "file" not in names(target)


# ---- the file changes

def test_replaced_while_it_is_fetched(slow_server, home, kftp, target):
    server = slow_server("vsftpd", rate=MIB)
    write_pattern(home / "file", 8 * MIB)
    os.utime(home / "file", (1_500_000_000, 1_500_000_000))
    running = start(server, kftp, target)
    write_pattern(home / "next", 5 * MIB, seed=1)
    os.rename(home / "next", home / "file")
    done = running.wait().assert_done().json
    assert same_bytes(home / "file", target / "file")
    assert names(target) == ["file"]
    assert done["resumed_from"] == 0 and done["bytes"] == 5 * MIB


def test_replaced_just_before_the_end(kftp, target):
    """By one of the same size, after its time was compared for the last part."""
    new = pattern(len(DATA), 1)
    told = 0

    def mdtm(session, _):
        nonlocal told
        told += 1   # one for the file, one for each of 4 parts; two sessions, so they may come in any order
        if told == 6:
            session.server.files["file"] = new
        session.send(BEFORE if told < 6 else AFTER)

    with ScriptedServer({"file": DATA}, {"MDTM": mdtm}) as server:
        kftp.get(*in_segments(2, "128K"), server.url("file")).assert_done()
    assert told >= 6
    assert (target / "file").read_bytes() == new
    assert names(target) == ["file"]


@pytest.mark.slow
def test_replaced_between_two_calls(slow_server, home, kftp, target):
    server = slow_server("vsftpd", rate=MIB)
    write_pattern(home / "file", 8 * MIB)
    os.utime(home / "file", (1_500_000_000, 1_500_000_000))
    running = start(server, kftp, target)
    running.signal(signal.SIGINT)
    running.wait().assert_failed(130)
    assert sum(recorded(target)[1]) > 0
    write_pattern(home / "file", 8 * MIB, seed=1)
    restart(server)
    done = kftp.get(*in_segments(4, "256K", "-c"), server.url("file")).assert_done().json
    assert same_bytes(home / "file", target / "file")
    assert done["resumed_from"] == 0


# ---- interrupted, and gone on with

@pytest.mark.parametrize("name", ["vsftpd", *(pytest.param(n, marks=pytest.mark.slow) for n in ALL if n != "vsftpd")])
@pytest.mark.parametrize("by", ["server", "SIGINT"])
def test_going_on(name, by, slow_server, home, kftp, target):
    """After an orderly stop all that has come is recorded."""
    server = slow_server(name, rate=MIB)
    write_pattern(home / "file", 12 * MIB)
    running = start(server, kftp, target, wanted=2 * MIB)
    if by == "server":
        server.kill()
        running.wait().assert_failed(6)
    else:
        running.signal(signal.SIGINT)
        running.wait().assert_failed(130)
    assert TEMPORARY in names(target) and "file" not in names(target)
    record = recorded(target)
    assert 2 * MIB - 4 * 4096 <= sum(record[1]) < 12 * MIB
    goes_on(server, kftp, home, target, record)


def test_killed_before_anything_was_recorded(slow_server, home, kftp, target):
    """What came is not trusted: nobody knows what of it had reached the disk."""
    server = slow_server("vsftpd", rate=MIB)
    write_pattern(home / "file", 8 * MIB)
    running = start(server, kftp, target)
    running.signal(signal.SIGKILL)
    running.wait()
    assert names(target) == [TEMPORARY]
    assert (target / TEMPORARY).stat().st_size == 8 * MIB
    restart(server)
    done = kftp.get(*in_segments(4, "256K", "-c"), server.url("file")).assert_done().json
    assert same_bytes(home / "file", target / "file")
    assert done["resumed_from"] == 0


@pytest.mark.slow
def test_killed_at_any_time(slow_server, home, kftp, target):
    """Again and again, after something was recorded; each later call goes on from what was, and from nothing else."""
    chance = random.Random(os.environ.get("KFTP_SEED", "1"))
    server = slow_server("vsftpd", rate=500_000)
    write_pattern(home / "file", 40 * MIB)
    for _ in range(COUNT):
        before, mark = recorded(target), server.mark()
        running = kftp.start_get(*in_segments(4, "1M", "-c"), server.url("file"))
        wait_until(lambda: recorded(target) not in (None, before) or running.process.poll() is not None, "nothing was recorded")
        time.sleep(chance.random() * 2)
        running.process.kill()
        running.wait()
        if before:
            assert set(restarts(server.commands(mark))) <= set(what_is_missing(before, 40 * MIB))
        if (target / "file").exists():  # it was complete before
            assert same_bytes(home / "file", target / "file")
            (target / "file").unlink()
    if recorded(target):
        goes_on(server, kftp, home, target, recorded(target))


# ---- in a mirror

def test_a_mirror_fetches_large_files_in_parts(vsftpd, home, kftp, target):
    (home / "tree" / "sub").mkdir(parents=True)
    write_pattern(home / "tree" / "large", 3 * MIB)
    write_pattern(home / "tree" / "sub" / "larger", 4 * MIB, seed=1)
    for i in range(5):
        write_pattern(home / "tree" / "sub" / f"small-{i}", 1000 + i)
    mark = vsftpd.mark()
    kftp.verb("mirror", "--parallel=2", "--segments=3", "--segment-size=1M", vsftpd.url("tree"), "copy").assert_done()
    assert subprocess.run(["diff", "-r", home / "tree", target / "copy"]).returncode == 0
    assert restarts(vsftpd.commands(mark)) == [MIB, (4 * MIB - 1) // 3 + 1, 2 * MIB, 2 * ((4 * MIB - 1) // 3 + 1)]
    assert [(path.stat().st_mtime, path.name) for path in sorted((target / "copy").rglob("large*"))] == \
        [(int(path.stat().st_mtime), path.name) for path in sorted((home / "tree").rglob("large*"))]


@pytest.mark.slow
def test_a_mirror_that_was_interrupted_goes_on_with_its_parts(slow_server, home, kftp, target):
    server = slow_server("vsftpd", rate=500_000)
    (home / "tree").mkdir()
    write_pattern(home / "tree" / "file", 16 * MIB)
    (target / "copy").mkdir()
    arguments = "--segments=4", "--segment-size=256K"
    running = kftp.start_verb("mirror", *arguments, server.url("tree"), "copy")
    wait_until(lambda: received(target / "copy") >= 2 * MIB or running.process.poll() is not None, "no data came")
    running.signal(signal.SIGINT)
    assert running.wait().status == 130
    record = recorded(target / "copy")
    assert sum(record[1]) >= MIB
    mark = restart(server)
    kftp.verb("mirror", *arguments, server.url("tree"), "copy").assert_done()
    assert same_bytes(home / "tree" / "file", target / "copy" / "file")
    assert names(target / "copy") == ["file"]
    assert restarts(server.commands(mark)) == what_is_missing(record, 16 * MIB)


# ---- others who fetch the same file

def test_one_at_a_time_and_neither_takes_the_other_for_its_own(slow_server, home, kftp, target):
    server = slow_server("vsftpd", rate=500_000)
    write_pattern(home / "file", 20 * MIB)

    plain = kftp.start_get(server.url("file"))
    wait_until(lambda: received(target) >= MIB, "no data came")
    kftp.get(*in_segments(4, "256K", "-c"), server.url("file")).assert_failed(75)
    plain.signal(signal.SIGINT)
    plain.wait().assert_failed(130)
    prefix = json.loads((target / STATE).read_text())["synced"]
    assert prefix >= MIB

    # the beginning that was fetched whole is taken for the first parts
    segmented = start(server, kftp, target, "-c", wanted=prefix + MIB)
    kftp.get("-c", server.url("file")).assert_failed(75)
    segmented.signal(signal.SIGINT)
    assert segmented.wait().json["resumed_from"] == prefix
    part, synced = recorded(target)
    assert synced[0] == min(prefix, part)
    assert sum(synced) >= prefix + MIB // 2

    # but what was fetched in parts is no beginning
    restart(server)
    done = kftp.get("-c", "--json", server.url("file")).assert_done().json
    assert same_bytes(home / "file", target / "file")
    assert done["resumed_from"] == 0
