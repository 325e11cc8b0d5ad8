# SPDX-License-Identifier: GPL-2.0-or-later
"""kftpd's mirrors with the real device and a real server, both ways: what runs when, what stops and goes on, what fails, and the
records of it. What a mirror itself does is tested with the command."""
import signal

import pytest

import kftpd
from mirrors import read, write
from support import sizes_now, wait_until
from trees import give

#: bytes per second of a transfer, where something is to happen meanwhile
SLOW = 1 << 16
TREE = {"a.csv": b"a" * 1000, "sub/b.csv": b"b" * 300000, "sub/deep/c.csv": b"", "sub/x.bak": b"x", "old/two words.csv": b"d" * 10}
SMALL = {f"sub/{i}": b"%d" % i for i in range(6)}
LARGE = {f"large {i}": bytes([i]) * 2000000 for i in range(2)}
DONE, FAILED = {"KFTP_RESULT": "done"}, {"KFTP_RESULT": "failed"}


@pytest.fixture
def journal():
    journal = kftpd.Journal()
    yield journal
    journal.close()


class Sides:
    """A directory here and one on the server; which of them is the source depends on the direction."""

    def __init__(self, home, daemon, upload):
        self.home, self.daemon, self.upload = home, daemon, upload
        self.here, self.there = daemon.target / "here", home / "there"
        self.source, self.target = (self.here, self.there) if upload else (self.there, self.here)

    def write(self, files):
        write(self.source, files)
        give(self.home, self.home)

    def drop(self, name, server, more=""):
        self.daemon.mirror(name, server.url("there"), self.here, self.upload, more)


@pytest.fixture(params=[False, True], ids=["download", "upload"])
def sides(request, home, daemon):
    return Sides(home, daemon, request.param)


def files(journal, job):
    """What was done to which file, by the records: pairs of action and path."""
    return sorted((r["KFTP_ACTION"], r["KFTP_REMOTE"].split("/there/")[1]) for r in journal.of(job) if "KFTP_ACTION" in r)


def assert_complete(record, sides, server):
    """All that programs want to know of sub/b.csv."""
    here = str(sides.here / "sub/b.csv")
    ours, theirs = (here, "there/sub/b.csv") if sides.upload else ("there/sub/b.csv", here)
    assert record["MESSAGE"].startswith(f"acme: {ours} -> {theirs}: 293.0 KiB in ")
    expected = {"PRIORITY": "6", "SYSLOG_IDENTIFIER": "kftpd", "KFTP_RESULT": "done", "KFTP_ATTEMPT": "1", "KFTP_LOCAL": here,
                "KFTP_ACTION": "put" if sides.upload else "get", "KFTP_WHY": "new", "KFTP_BYTES": "300000", "KFTP_RESUMED_FROM": "0",
                "KFTP_MTIME": "1600000000", "KFTP_PEER": f"127.0.0.1:{server.port}"}
    assert expected.items() <= record.items()
    assert int(record["KFTP_USEC"]) > 0 and int(record["KFTP_RATE"]) > 0
    assert record["KFTP_REPLY"].startswith(record["KFTP_REPLY_CODE"]) and record["KFTP_REPLY_CODE"][0] == "2"
    assert len(record["KFTP_REVISION"]) == 64 and "KFTP_DATA_PEER" in record and "KFTP_TLS" not in record


def test_once_per_revision(sides, vsftpd, daemon, journal):
    """All that the filter takes, once; what has changed, when the job's file has; what is gone is deleted if it says so."""
    sides.write(TREE)
    sides.drop("acme", vsftpd, "[Source]\nMatch=*.csv\nExclude=old/\n")
    daemon.start()
    done = journal.wait_for("acme", **DONE, KFTP_FILES="3")
    assert read(sides.target) == {path: TREE[path] for path in ("a.csv", "sub/b.csv", "sub/deep/c.csv")}
    verb = "put" if sides.upload else "get"
    assert files(journal, "acme") == [(verb, path) for path in ("a.csv", "sub/b.csv", "sub/deep/c.csv")]
    assert done["MESSAGE"].startswith("acme: done: 3 files, 293.9 KiB in ") and done["MESSAGE"].endswith(", 0 unchanged, 0 failed")

    record, = journal.of("acme", KFTP_REMOTE=vsftpd.url("there") + "/sub/b.csv")
    assert_complete(record, sides, vsftpd)

    mark = vsftpd.mark()
    sides.drop("acme", vsftpd, "[Source]\nMatch=*.csv\nExclude=old/\n")  # the same bytes
    sides.drop("bad", vsftpd, "[Job]\nRetries=x\n")
    journal.wait_for("bad", CONFIG_FILE=str(daemon.jobs / "bad.job"))  # so the other one was looked at
    assert daemon.stop()[0] == 0
    daemon.start()
    (sides.source / "sub/b.csv").unlink()
    sides.write({"new.csv": b"new"})
    assert not vsftpd.commands(mark), "it was run again"
    assert daemon.ledger("acme")["state"] == "done"

    del journal.records[:]
    sides.drop("acme", vsftpd, "Delete=yes\n[Source]\nMatch=*.csv\n")
    done = journal.wait_for("acme", **DONE, KFTP_FILES="2")
    assert read(sides.target) == {"new.csv": b"new", **{path: TREE[path] for path in ("a.csv", "sub/deep/c.csv", "old/two words.csv")}}
    assert files(journal, "acme") == [("delete", "sub/b.csv"), (verb, "new.csv"), (verb, "old/two%20words.csv")]
    assert done["MESSAGE"].endswith(", 2 unchanged, 1 deleted, 0 failed")
    assert daemon.stop()[0] == 0


@pytest.mark.parametrize("sides", [False, pytest.param(True, marks=pytest.mark.slow)], ids=["download", "upload"], indirect=True)
def test_a_file_that_fails(sides, vsftpd, daemon, journal):
    """It is named, the others are transferred, and it is not tried again before the job's file changes."""
    sides.write(TREE)
    (sides.there / "old").mkdir(parents=True, exist_ok=True)
    give(sides.home, sides.home)
    closed = sides.there / ("old" if sides.upload else "old/two words.csv")
    mode = closed.stat().st_mode
    closed.chmod(0o555 if sides.upload else 0)
    sides.drop("acme", vsftpd)
    daemon.start()
    failed = journal.wait_for("acme", **FAILED, KFTP_FILES="4")
    assert failed["KFTP_CLASS"] == "some-failed" and failed["KFTP_FAILED"] == "1" and failed["PRIORITY"] == "3"
    assert "not retried; 4 files, " in failed["MESSAGE"]
    record, = journal.of("acme", **FAILED, KFTP_REMOTE=vsftpd.url("there") + "/old/two%20words.csv")
    assert record["KFTP_ACTION"] == ("put" if sides.upload else "get") and record["KFTP_CLASS"] == "remote"
    assert record["PRIORITY"] == "4" and record["MESSAGE"].startswith("acme: old/two words.csv: failed: ")
    assert daemon.ledger("acme")["failed"] == 1

    closed.chmod(mode)
    assert daemon.stop()[0] == 0
    daemon.start()
    sides.drop("acme", vsftpd, "# once more\n")
    journal.wait_for("acme", **DONE, KFTP_FILES="1", KFTP_UNCHANGED="4")
    assert read(sides.target) == TREE
    assert len(journal.of("acme", **FAILED)) == 2, "it was tried again without need"
    assert daemon.stop()[0] == 0


def parts(target):
    """How many large files have begun to arrive, under whatever names."""
    sizes = sizes_now(target) if target.exists() else {}
    return sum(size >= SLOW and "large" in name for name, size in sizes.items())


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL], ids=["stopped", "killed"])
def test_goes_on(number, sides, slow_server, daemon, journal):
    """What was done before is not done again, and no file has its name before it is complete."""
    server = slow_server("vsftpd", rate=SLOW)
    sides.write({**SMALL, **LARGE})
    sides.drop("acme", server, "[Job]\nParallel=4\n")
    daemon.start()
    small = sorted(("put" if sides.upload else "get", path) for path in SMALL)
    wait_until(lambda: files(journal, "acme") == small and parts(sides.target) == 2, "the large files are not what is left")
    assert daemon.stop(number)[0] == (0 if number == signal.SIGTERM else -number)
    assert not any((sides.target / name).exists() for name in LARGE)
    state = daemon.ledger("acme")["state"]
    if number == signal.SIGKILL:
        assert state == "running"
    elif sides.upload:  # the server says nothing before it has read all that was sent, and that is not waited for too long
        assert daemon.said("acme: interrupted") and state in ("interrupted", "running")
    else:
        assert daemon.said("acme: interrupted after 6 files, ") and state == "interrupted"

    server.kill()
    server.rate = 0
    server.start()
    del journal.records[:]
    daemon.start()
    done = journal.wait_for("acme", **DONE, KFTP_FAILED="0")
    large = journal.of("acme", KFTP_WHY="new")
    assert sorted(r["KFTP_BYTES"] for r in large) == ["2000000"] * 2, "something else was transferred again"
    if state == "interrupted":
        assert done["KFTP_FILES"] == "8"
        assert all(int(r["KFTP_RESUMED_FROM"]) > 0 for r in large), "nothing was gone on from"
    assert read(sides.target) == {**SMALL, **LARGE}
    assert not list((daemon.state / "mirror").iterdir()), "something is remembered of a mirror that is done"
    assert daemon.stop()[0] == 0
