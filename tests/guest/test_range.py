# SPDX-License-Identifier: GPL-2.0-or-later
"""Parts of files, and files to the standard output: kftp get --range, kftp get URL -, kftp cat."""
import os
import re
import signal
import time

import pytest

from servers.script import cut, data, do, end_data, open_data, say, script, send_part
from servers.scripted import USUAL, ScriptedServer
from support import LIMIT, names, pattern, same_bytes, write_pattern

MIB = 1 << 20
DATA = pattern(300_000)


def cut_after(n):
    """Sends n bytes, then the network is gone."""
    return script(say(b"150 Here\r\n"), open_data, send_part(0, n), end_data, cut)


@pytest.mark.parametrize("text, begin, end", [
    ("0-0", 0, 1), ("5-9", 5, 10), ("100000-", 100_000, None), ("-7", -7, None), ("0-999999999", 0, None),
    ("299999-", 299_999, None), ("-999999999", 0, None),
])
def test_range(kftp, target, text, begin, end):
    with ScriptedServer({"file": DATA}) as server:
        result = kftp.get("--json", f"--range={text}", server.url("file")).assert_done()
    assert (target / "file").read_bytes() == DATA[begin:end]
    assert names(target) == ["file"]
    assert result.json["bytes"] == len(DATA[begin:end])


def test_range_of_real_servers(any_server, home, kftp, target):
    write_pattern(home / "file", 3 * MIB)
    kftp.get("--range=1000000-1999999", any_server.url("file")).assert_done()
    assert (target / "file").read_bytes() == (home / "file").read_bytes()[1_000_000:2_000_000]
    kftp.get(any_server.url("file"), "whole").assert_done()  # the server is as good as before
    assert same_bytes(home / "file", target / "whole")


@pytest.mark.parametrize("rest", [b"502 No\r\n", b"554 Not there\r\n"])
def test_a_server_without_restart(kftp, target, rest):
    """What comes before is fetched and dropped."""
    with ScriptedServer({"file": DATA}, {"REST": rest, "RETR": [cut_after(200_000), USUAL]}) as server:
        kftp.get("--range=100000-250000", server.url("file"), retries=1).assert_done()
    assert (target / "file").read_bytes() == DATA[100_000:250_001]


def test_a_range_behind_the_end(kftp, target):
    with ScriptedServer({"file": DATA}) as server:
        failed = kftp.get("--range=300000-", server.url("file")).assert_failed(5)
    assert "300000 bytes only" in failed.stderr
    assert names(target) == []


def test_the_last_bytes_of_a_file_of_unknown_size(kftp, target):
    with ScriptedServer({"file": DATA}, {"SIZE": b"502 No\r\n"}) as server:
        failed = kftp.get("--range=-7", server.url("file")).assert_failed(5)
    assert "does not tell the size" in failed.stderr
    assert "RETR file" not in server.commands
    assert names(target) == []


@pytest.mark.parametrize("text", ["9-5", "x", "-", "1-2,3-4"])
def test_a_bad_range(kftp, target, text):
    kftp.get(f"--range={text}", "ftp://127.0.0.1:1/file").assert_failed(2)


# ---- the standard output

def to_file(kftp, path, *arguments, **keywords):
    with open(path, "wb") as out:
        return kftp.verb(*arguments, stdout=out, **keywords)


def test_cat(kftp, target):
    with ScriptedServer({"a": DATA, "b": b"", "c": b"more"}) as server:
        to_file(kftp, target / "out", "cat", server.url("a"), server.url("b"), server.url("c")).assert_done()
    assert (target / "out").read_bytes() == DATA + b"more"
    assert server.verbs().count("USER") == 1


def test_get_to_the_standard_output(kftp, target):
    with ScriptedServer({"a": DATA}) as server:
        to_file(kftp, target / "out", "get", server.url("a"), "-").assert_done()
        kftp.get("--json", server.url("a"), "-").assert_failed(2)
    assert (target / "out").read_bytes() == DATA
    assert names(target) == ["out"]


def test_cat_of_a_range(kftp, target):
    with ScriptedServer({"a": DATA}) as server:
        to_file(kftp, target / "out", "cat", "--range=7-100000", server.url("a")).assert_done()
    assert (target / "out").read_bytes() == DATA[7:100_001]


def test_one_missing_of_several(kftp, target):
    with ScriptedServer({"a": b"1", "c": b"3"}) as server:
        failed = to_file(kftp, target / "out", "cat", server.url("a"), server.url("b"), server.url("c"))
    failed.assert_failed(3)
    assert (target / "out").read_bytes() == b"13"


def memory_kib(pid):
    """The most that the process had resident, and what there is in memory of the files it has open."""
    if not os.readlink(f"/proc/{pid}/exe").endswith("/kftp"):
        return 0    # before exec it is the test's own memory
    most = int(re.search(r"VmHWM:\s+(\d+)", open(f"/proc/{pid}/status").read())[1])
    for fd in os.listdir(f"/proc/{pid}/fd"):
        path = f"/proc/{pid}/fd/{fd}"
        if os.readlink(path).startswith("/memfd:"):
            most += os.stat(path).st_blocks // 2
    return most


def test_memory_is_bounded(vsftpd, home, kftp, target):
    """40 MiB through a pipe."""
    write_pattern(home / "file", 40 * MIB)
    cat = kftp.start_verb("cat", vsftpd.url("file"))
    got, most = 0, 0
    with open(home / "file", "rb") as file:
        while piece := cat.process.stdout.read(MIB):
            assert piece == file.read(len(piece))
            got += len(piece)
            if cat.process.poll() is None:
                try:
                    most = max(most, memory_kib(cat.pid))
                except (OSError, TypeError):
                    pass    # it has just ended
    assert cat.process.wait(60) == 0
    assert got == 40 * MIB
    assert 1024 < most < 32 * 1024


def test_a_slow_reader(kftp):
    with ScriptedServer({"a": DATA}) as server:
        cat = kftp.start_verb("cat", "--timeout=3", server.url("a"))
        time.sleep(4)  # longer than any wait may be; but it is not the network that is slow
        result = cat.process.communicate(timeout=60)
    assert result[0] == DATA
    assert cat.process.returncode == 0, result[1]


@pytest.mark.parametrize("ignored", [False, True])
def test_a_reader_that_has_enough(kftp, ignored):
    prefix = ["env", "--ignore-signal=PIPE"] if ignored else ["env", "--default-signal=PIPE"]
    with ScriptedServer({"a": pattern(2 * MIB)}) as server:
        cat = kftp.start_verb("cat", server.url("a"), prefix=prefix)
        assert len(cat.process.stdout.read(10)) == 10
        cat.process.stdout.close()
        assert cat.process.stderr.read() == b""
        assert cat.process.wait(LIMIT) == (7 if ignored else -signal.SIGPIPE)


def test_a_full_output(kftp):
    with ScriptedServer({"a": DATA}) as server, open("/dev/full", "wb") as full:
        failed = kftp.verb("cat", server.url("a"), stdout=full).assert_failed(7)
    assert "No space left" in failed.stderr


def test_interrupted_while_nobody_reads(kftp):
    with ScriptedServer({"a": pattern(2 * MIB)}) as server:
        cat = kftp.start_verb("cat", server.url("a"))
        assert len(cat.process.stdout.read(10)) == 10
        time.sleep(0.5)
        cat.signal(signal.SIGINT)
        assert cat.process.wait(LIMIT) == 130


# ---- failures in the middle: what was written cannot be taken back

@pytest.mark.parametrize("verb, extra", [("cat", []), ("get", ["-"])])
def test_going_on_where_the_output_ended(kftp, target, verb, extra):
    with ScriptedServer({"a": DATA}, {"RETR": [cut_after(100_000), cut_after(50_000), USUAL]}) as server:
        to_file(kftp, target / "out", verb, server.url("a"), *extra, retries=3).assert_done()
    assert (target / "out").read_bytes() == DATA
    assert [c for c in server.commands if c.startswith("REST")] == ["REST 100000", "REST 150000"]


def test_going_on_in_a_range(kftp, target):
    with ScriptedServer({"a": DATA}, {"RETR": [cut_after(100_000), USUAL]}) as server:
        kftp.get("--range=1000-250000", server.url("a"), retries=1).assert_done()
    assert (target / "a").read_bytes() == DATA[1000:250_001]
    assert [c for c in server.commands if c.startswith("REST")] == ["REST 1000", "REST 101000"]


def test_not_going_on_with_another_file(kftp, target):
    mdtm = [say(b"213 20260102030405\r\n"), say(b"213 20260102030406\r\n")]
    with ScriptedServer({"a": DATA}, {"RETR": [cut_after(100_000), USUAL], "MDTM": mdtm}) as server:
        failed = to_file(kftp, target / "out", "cat", server.url("a"), retries=3).assert_failed(8)
    assert "another file now" in failed.stderr
    assert (target / "out").read_bytes() == DATA[:100_000]


@pytest.mark.parametrize("verb", ["SIZE", "MDTM"])
def test_not_going_on_with_what_cannot_be_recognised(kftp, target, verb):
    with ScriptedServer({"a": DATA}, {"RETR": [cut_after(100_000), USUAL], verb: b"502 No\r\n"}) as server:
        failed = to_file(kftp, target / "out", "cat", server.url("a"), retries=3).assert_failed(8)
    assert re.search("after 100000 bytes", failed.stderr)
    assert (target / "out").read_bytes() == DATA[:100_000]


def test_a_file_that_is_shorter_than_the_server_says(kftp, target):
    short = script(say(b"150 Here\r\n"), open_data, send_part(0, 1000), end_data, say(b"226 Done\r\n"))
    with ScriptedServer({"a": DATA}, {"RETR": short}) as server:
        to_file(kftp, target / "out", "cat", server.url("a")).assert_failed(8)
        kftp.get("--range=5-", server.url("a")).assert_failed(8)
    assert names(target) == ["out"]


def test_a_part_that_fails_leaves_nothing(kftp, target):
    with ScriptedServer({"a": DATA}, {"RETR": cut_after(1000)}) as server:
        kftp.get("--range=5-", server.url("a")).assert_failed(6)
    assert names(target) == []


def test_early_226_and_all_the_bytes(kftp, target):
    early = script(say(b"150 Here\r\n226 Done\r\n"), data())
    with ScriptedServer({"a": DATA}, {"RETR": [early, do("RETR")]}) as server:
        to_file(kftp, target / "out", "cat", server.url("a"), server.url("a")).assert_done()
    assert (target / "out").read_bytes() == DATA + DATA
