# SPDX-License-Identifier: GPL-2.0-or-later
"""A broken download goes on where it stopped, and never joins two versions of a file."""
import os
import signal

import pytest

from servers.scripted import USUAL, ScriptedServer
from support import names, pattern, same_bytes, sizes_now, wait_until, write_pattern

MIB = 1 << 20
SIZE = 8 * MIB
#: slow enough for what is done in the middle to come in time on a busy machine, too
RATE = MIB


def partial_bytes(target):
    """How much of the file is there under its temporary name."""
    return max((size for name, size in sizes_now(target).items() if name != "file"), default=0)


def restarts(server, mark=0):
    return [int(line.split()[1]) for line in server.commands(mark) if line.startswith("REST ") and line != "REST 0"]


def break_in_the_middle(server, kftp, target, *arguments):
    """Kills the server when some of the file has come; returns what kftp said."""
    running = kftp.start_get(*arguments, server.url("file"))
    wait_until(lambda: partial_bytes(target) >= MIB or running.process.poll() is not None, "no data came")
    assert running.process.poll() is None, f"ended too early: {running.wait().stderr}"
    server.kill()
    return running.wait()


@pytest.mark.parametrize("name", ["vsftpd", *(pytest.param(n, marks=pytest.mark.slow) for n in ("proftpd", "pure-ftpd", "pyftpdlib"))])
def test_after_the_server_was_killed_only_the_rest_is_moved(name, slow_server, home, kftp, target):
    write_pattern(home / "file", SIZE)
    breaking = slow_server(name, rate=RATE)
    break_in_the_middle(breaking, kftp, target).assert_failed(6)
    assert not (target / "file").exists()

    breaking.rate = 0
    breaking.start()
    mark = breaking.mark()
    done = kftp.get("-c", "--json", breaking.url("file")).assert_done().json
    assert same_bytes(home / "file", target / "file")
    assert names(target) == ["file"]
    assert done["resumed_from"] >= MIB // 2
    assert restarts(breaking, mark) == [done["resumed_from"]]
    assert done["bytes"] == SIZE


def test_a_retry_of_the_same_call_goes_on_by_itself(slow_server, home, kftp, target):
    write_pattern(home / "file", SIZE)
    server = slow_server("vsftpd", rate=RATE)
    running = kftp.start_get("--json", server.url("file"), retries=10)
    wait_until(lambda: partial_bytes(target) >= MIB, "no data came")
    server.kill()
    server.rate = 0
    server.start()
    done = running.wait().assert_done().json
    assert same_bytes(home / "file", target / "file")
    assert done["attempts"] > 1
    assert restarts(server) and restarts(server)[0] >= MIB


@pytest.mark.parametrize("change", ["content", "size", "time"])
def test_a_file_replaced_between_the_attempts_is_fetched_anew(change, slow_server, home, kftp, target):
    write_pattern(home / "file", SIZE)
    server = slow_server("vsftpd", rate=RATE)
    break_in_the_middle(server, kftp, target).assert_failed(6)

    before = (home / "file").stat()
    write_pattern(home / "file", SIZE + (1000 if change == "size" else 0), seed=1)
    if change == "size":
        os.utime(home / "file", (before.st_mtime, before.st_mtime))
    else:
        os.utime(home / "file", (before.st_mtime + 3600, before.st_mtime + 3600))
    server.rate = 0
    server.start()
    mark = server.mark()
    done = kftp.get("-c", "--json", server.url("file")).assert_done().json
    assert same_bytes(home / "file", target / "file")
    assert done["resumed_from"] == 0
    assert restarts(server, mark) == []


def test_without_resume_the_download_starts_again(slow_server, home, kftp, target):
    write_pattern(home / "file", SIZE)
    server = slow_server("vsftpd", rate=RATE)
    break_in_the_middle(server, kftp, target).assert_failed(6)
    server.rate = 0
    server.start()
    mark = server.mark()
    kftp.get(server.url("file")).assert_done()
    assert same_bytes(home / "file", target / "file")
    assert restarts(server, mark) == []
    assert names(target) == ["file"]


def test_resume_without_a_partial_file_is_an_ordinary_download(vsftpd, home, kftp, target):
    write_pattern(home / "file", MIB)
    done = kftp.get("-c", "--json", vsftpd.url("file")).assert_done().json
    assert same_bytes(home / "file", target / "file")
    assert done["resumed_from"] == 0


def test_a_partial_file_of_another_url_is_not_continued(slow_server, home, kftp, target):
    write_pattern(home / "file", SIZE)
    (home / "other").mkdir()
    write_pattern(home / "other" / "file", SIZE, seed=2)
    stamp = (home / "file").stat().st_mtime
    os.utime(home / "other" / "file", (stamp, stamp))
    server = slow_server("vsftpd", rate=RATE)
    break_in_the_middle(server, kftp, target).assert_failed(6)
    server.rate = 0
    server.start()
    kftp.get("-c", server.url("other/file")).assert_done()
    assert same_bytes(home / "other" / "file", target / "file")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "SIGTERM"])
def test_an_interrupted_download_goes_on_later(number, slow_server, home, kftp, target):
    write_pattern(home / "file", SIZE)
    server = slow_server("vsftpd", rate=RATE)
    running = kftp.start_get(server.url("file"))
    wait_until(lambda: partial_bytes(target) >= MIB, "no data came")
    running.signal(number)
    running.wait().assert_failed(130)
    assert not (target / "file").exists()
    assert partial_bytes(target) >= MIB

    server.stop()
    server.rate = 0
    server.start()
    mark = server.mark()
    done = kftp.get("-c", "--json", server.url("file")).assert_done().json
    assert same_bytes(home / "file", target / "file")
    assert restarts(server, mark) == [done["resumed_from"]]
    assert done["resumed_from"] >= MIB


def test_a_download_killed_with_SIGKILL_can_be_repeated(slow_server, home, kftp, target):
    write_pattern(home / "file", SIZE)
    server = slow_server("vsftpd", rate=RATE)
    running = kftp.start_get(server.url("file"))
    wait_until(lambda: partial_bytes(target) >= MIB, "no data came")
    running.signal(signal.SIGKILL)
    running.wait()
    assert not (target / "file").exists()
    server.stop()
    server.rate = 0
    server.start()
    kftp.get("-c", server.url("file")).assert_done()
    assert same_bytes(home / "file", target / "file")
    assert names(target) == ["file"]


def test_a_file_replaced_while_its_rest_is_moved_is_fetched_anew(kftp, target):
    """By one of the same size, after its time was compared: the time is asked for again at the end."""
    old, new = pattern(100000, 1), pattern(100000, 2)
    before, after = b"213 20200101000000\r\n", b"213 20210101000000\r\n"

    def broken(session, _):
        session.send(b"150 Here it comes\r\n")
        with session.open_data() as data:
            data.sendall(old[:40000])
        session.send(b"426 Broken off\r\n")

    def replaced(session, argument):
        session.server.files["file"] = new
        session.RETR(argument)

    replies = {"RETR": [broken, replaced, USUAL], "MDTM": [before, before, after]}
    with ScriptedServer({"file": old}, replies) as server:
        kftp.get(server.url("file"), retries=1).assert_done()
    assert "REST 40000" in server.commands
    assert server.verbs().count("RETR") == 3
    assert (target / "file").read_bytes() == new
