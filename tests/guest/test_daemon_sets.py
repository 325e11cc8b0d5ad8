# SPDX-License-Identifier: GPL-2.0-or-later
"""kftpd fetches sets of files with the real device and real servers: what is taken, what is not taken again, what becomes of the source,
and that each file is delivered once whenever kftpd is killed. Uploads are in test_daemon_uploads.py."""
import pytest

import kftpd
from mirrors import read, write
from support import wait_until
from trees import give

FILES = {"a.csv": b"a" * 1000, "b.csv": b"b" * 300000, "two words.csv": b"", "x.bak": b"x", "sub/c.csv": b"c"}
TAKEN = {name: FILES[name] for name in ("a.csv", "b.csv", "two words.csv")}
DONE, FAILED = {"KFTP_RESULT": "done"}, {"KFTP_RESULT": "failed"}


@pytest.fixture
def journal():
    journal = kftpd.Journal()
    yield journal
    journal.close()


@pytest.fixture
def there(home):
    write(home / "there", FILES)
    give(home, home)
    return home / "there"


def ended(journal, job, count=1, **fields):
    """The record of the run that has ended as the count-th."""
    found = wait_until(lambda: [r for r in journal.of(job, **fields) if "KFTP_FAILED" in r and "KFTP_ACTION" not in r][count - 1:], "it does not end")
    return found[0]


def files(daemon, name):
    return {path: data for path, data in read(daemon.target / name).items()}


def test_once(server, there, daemon, journal):
    """What the filter takes, not below; and not what was taken before, though the job's file is another one: only what is new."""
    daemon.drop("acme", server.url("there"), source="Match=*.csv\nExclude=c*\n", more="FileMode=0640\nVerify=size\n")
    daemon.start()
    done = ended(journal, "acme", **DONE)
    assert files(daemon, "acme") == TAKEN and (done["KFTP_FILES"], done["KFTP_UNCHANGED"]) == ("3", "0")
    assert all(path.stat().st_mode & 0o777 == 0o640 for path in (daemon.target / "acme").iterdir())
    record, = [r for r in journal.of("acme", KFTP_ACTION="get") if r["KFTP_REMOTE"].endswith("/there/b.csv")]
    assert record["KFTP_LOCAL"] == str(daemon.target / "acme/b.csv") and record["KFTP_BYTES"] == "300000" and record["KFTP_RUN"] == done["KFTP_RUN"]

    for path in (daemon.target / "acme").iterdir():
        path.unlink()  # as a consumer does
    write(there, {"b.csv": b"another version", "new.csv": b"new"})
    give(there, there)
    mark = server.mark()
    daemon.drop("acme", server.url("there"), source="Match=*.csv\n")
    done = ended(journal, "acme", 2, **DONE)
    assert files(daemon, "acme") == {"b.csv": b"another version", "new.csv": b"new"}
    assert (done["KFTP_FILES"], done["KFTP_UNCHANGED"]) == ("2", "2") and done["KFTP_TRIGGER"] == "revision"
    assert sum(line.startswith("RETR") for line in server.commands(mark)) == 2
    assert daemon.stop()[0] == 0


@pytest.mark.parametrize("then", ["delete", "move done"])
def test_then(then, vsftpd, home, there, daemon, journal):
    """What was delivered leaves the source, with its marker, for a directory as in the URL; what has no marker stays."""
    write(there, {"a.csv.ok": b"", "b.csv.ok": b""})
    give(there, there)
    daemon.drop("acme", vsftpd.url("there"), source=f"Match=*.csv\nMarker=%f.ok\nThen={then}\n", job="Retries=0\n")
    daemon.start()
    wait_until(lambda: len(files(daemon, "acme")) == 2 if (daemon.target / "acme").exists() else False, "not both are delivered")
    ended(journal, "acme", KFTP_FILES="2")
    assert read(there).keys() == {"two words.csv", "x.bak", "sub/c.csv"}
    assert then == "delete" or read(home / "done") == {**{name: FILES[name] for name in ("a.csv", "b.csv")}, "a.csv.ok": b"", "b.csv.ok": b""}
    assert files(daemon, "acme") == {name: FILES[name] for name in ("a.csv", "b.csv")}
    assert daemon.stop()[0] == 0


def test_a_file_that_fails(vsftpd, home, there, daemon, journal):
    """The others are delivered; it goes where ThenOnFailure= says, and is taken once it can be."""
    (there / "a.csv").chmod(0)
    daemon.drop("acme", vsftpd.url("there"), source="Match=*.csv\nThenOnFailure=move bad\n")
    daemon.start()
    failed = ended(journal, "acme", **FAILED)
    assert failed["KFTP_CLASS"] == "some-failed" and (failed["KFTP_FILES"], failed["KFTP_FAILED"]) == ("2", "1")
    assert "not retried" in failed["MESSAGE"] and "a.csv" in failed["MESSAGE"]
    assert files(daemon, "acme") == {name: data for name, data in TAKEN.items() if name != "a.csv"}
    assert [p.name for p in (home / "bad").iterdir()] == ["a.csv"]

    (home / "bad/a.csv").chmod(0o644)
    (home / "bad/a.csv").rename(there / "a.csv")
    daemon.drop("acme", vsftpd.url("there"), source="Match=*.csv\n")
    done = ended(journal, "acme", **DONE)
    assert (done["KFTP_FILES"], done["KFTP_UNCHANGED"]) == ("1", "2")
    assert files(daemon, "acme") == TAKEN
    assert daemon.stop()[0] == 0


def test_single(vsftpd, there, daemon, journal):
    """What a set can, one file can: Then=, FileMode=, IfExists=."""
    (daemon.target / "kept").write_text("ours")
    daemon.drop("kept", vsftpd.url("there/x.bak"), more="IfExists=skip\n")
    daemon.drop("taken", vsftpd.url("there/a.csv"), source="Then=delete\n", more="FileMode=0600\n")
    daemon.start()
    daemon.wait_for("kept: done: it was delivered before, or is there already")
    daemon.wait_for("taken: done: 1 file")
    assert (daemon.target / "kept").read_text() == "ours" and (daemon.target / "taken").read_bytes() == FILES["a.csv"]
    assert (daemon.target / "taken").stat().st_mode & 0o777 == 0o600
    assert not (there / "a.csv").exists() and (there / "x.bak").exists()
    assert daemon.stop()[0] == 0


def test_nothing_there(vsftpd, home, daemon, journal):
    """An empty directory is fine unless the job says otherwise: then it has a record of its own."""
    (home / "empty").mkdir()
    give(home, home)
    daemon.drop("fine", vsftpd.url("empty/"))
    daemon.drop("empty", vsftpd.url("empty/"), job="IfEmpty=fail\nRetries=0\n")
    daemon.drop("few", vsftpd.url("empty/"), job="Expect=2\nRetries=0\n")
    daemon.start()
    assert ended(journal, "fine", **DONE)["KFTP_FILES"] == "0"
    assert "no file was found" in ended(journal, "empty", **FAILED)["MESSAGE"]
    assert "0 files were delivered, and the job says Expect=2" in ended(journal, "few", **FAILED)["MESSAGE"]
    assert daemon.stop()[0] == 0


def take(daemon, name, taken):
    """As a consumer does: at once, and nothing twice."""
    for path in (daemon.target / name).iterdir() if (daemon.target / name).exists() else []:
        if not path.name.startswith("."):
            assert path.name not in taken, f"{path.name} was delivered twice"
            taken[path.name] = path.read_bytes()
            path.unlink()


@pytest.mark.slow
@pytest.mark.parametrize("then", ["keep", "delete"])
def test_killed_at_each_step(then, servers, home, daemon):
    """SIGKILL before the first, the second ... call that makes something durable, until none is left."""
    server, calls = servers.get("pyftpdlib"), "rename,renameat,renameat2,fsync,fdatasync"
    contents = {f"{i}.csv": bytes([i]) * (70000 + i) for i in range(3)}
    for step in range(1, 80):
        name = f"step{step}"
        write(home / name, contents)
        give(home, home)
        daemon.drop(name, server.url(name), source=f"Match=*.csv\nThen={then}\n")
        daemon.start("strace", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={calls}", "-e", f"inject={calls}:signal=KILL:when={step}")
        wait_until(lambda: daemon.process.poll() is not None or
                   (daemon.said(f"{name}: done") and daemon.ledger(name)["reported"]), f"step {step} does not end")
        killed, taken = daemon.process.poll() is not None, {}
        take(daemon, name, taken)
        if killed:
            daemon.start()
            daemon.wait_for(f"{name}: done: 3 files")
            wait_until(lambda: daemon.ledger(name)["reported"], "the report is not noted")
        daemon.stop()
        take(daemon, name, taken)
        assert taken == contents, f"not all was delivered when killed at step {step}"
        assert bool(list((home / name).iterdir())) == (then == "keep"), f"the source at step {step}"
        if not killed:
            break
    else:
        pytest.fail("it is killed again and again")
