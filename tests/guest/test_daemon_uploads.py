# SPDX-License-Identifier: GPL-2.0-or-later
"""Jobs of kftpd that send files: when their source arrives, in sets, exactly once over crashes, and what becomes of the
source on either side."""
import os
import shutil
import threading
import time

import pytest

from servers.scripted import USUAL, ScriptedServer
from support import LIMIT, USER, names, same_bytes, wait_until, write_pattern


@pytest.fixture
def inbox(home):
    """A directory on the servers, by its path here."""
    path = home / "in"
    path.mkdir()
    shutil.chown(path, USER)
    return path


@pytest.fixture
def outbox(daemon):
    path = daemon.directory / "outbox"
    path.mkdir()
    return path


def arrive(path, size=1000, seed=0):
    """A file that is there as a whole at once."""
    new = path.with_name(".arriving")
    write_pattern(new, size, seed)
    new.rename(path)
    return path


def test_starts_when_its_source_arrives(any_server, inbox, outbox, daemon):
    daemon.upload("report", any_server.url("in/"), outbox / "report.csv")
    daemon.upload("renamed", any_server.url("in/other.csv"), outbox / "report.csv", target="FileMode=0640\n")
    daemon.start()
    sent = arrive(outbox / "report.csv", 300000)
    daemon.wait_for("report: done: ")
    daemon.wait_for("renamed: done: ")
    assert same_bytes(sent, inbox / "report.csv")
    assert same_bytes(sent, inbox / "other.csv")
    assert (inbox / "other.csv").stat().st_mode & 0o777 == 0o640
    assert names(inbox) == ["other.csv", "report.csv"]
    # once per revision, whatever arrives
    arrive(outbox / "report.csv", 2000, seed=1)
    daemon.stop()
    daemon.start()
    daemon.upload("last", any_server.url("in/last.csv"), outbox / "report.csv")
    daemon.wait_for("last: done: ")
    assert (inbox / "report.csv").stat().st_size == 300000


def test_set_with_markers_is_moved_away(any_server, inbox, outbox, daemon):
    (outbox / "sent").mkdir()
    (outbox / "sent/a.csv").write_text("of yesterday")
    for n, name in enumerate(("a.csv", "b.csv", "c.txt", ".hidden.csv")):
        arrive(outbox / name, 1000 + n, seed=n)
    (outbox / "link.csv").symlink_to("a.csv")
    (outbox / "a.csv.done").touch()
    (outbox / "c.txt.done").touch()
    job = dict(source=f"Match=*.csv\nMarker=%f.done\nThen=move {outbox}/sent\n")
    daemon.upload("set", any_server.url("in/"), f"{outbox}/", **job)
    daemon.start()
    daemon.wait_for("set: done: ")
    assert names(inbox) == ["a.csv"]
    assert names(outbox) == [".hidden.csv", "b.csv", "c.txt", "c.txt.done", "link.csv", "sent"]
    assert names(outbox / "sent") == ["a.csv", "a.csv.1", "a.csv.done"]
    assert (outbox / "sent/a.csv").read_text() == "of yesterday"
    assert same_bytes(outbox / "sent/a.csv.1", inbox / "a.csv")
    assert daemon.said("link.csv")
    # another revision: what has its marker by now
    (outbox / "b.csv.done").touch()
    daemon.upload("set", any_server.url("in/"), f"{outbox}/", job="Description=again\n", **job)
    daemon.wait_for("set: done: ", 2)
    assert names(inbox) == ["a.csv", "b.csv"]
    assert names(outbox / "sent") == ["a.csv", "a.csv.1", "a.csv.done", "b.csv", "b.csv.done"]


def test_sends_nothing_twice(vsftpd, inbox, outbox, daemon):
    """The store knows what was delivered, over revisions and restarts."""
    mark = vsftpd.mark()
    arrive(outbox / "a")
    arrive(outbox / "b", seed=1)
    daemon.upload("set", vsftpd.url("in/"), f"{outbox}/")
    daemon.start()
    daemon.wait_for("set: done: ")
    daemon.stop()
    arrive(outbox / "b", 1001, seed=2)
    daemon.upload("set", vsftpd.url("in/"), f"{outbox}/", job="Description=again\n")
    daemon.start()
    daemon.wait_for("set: done: ", 2)
    stored = [line for line in vsftpd.commands(mark) if line.startswith("STOR")]
    assert len(stored) == 3, stored
    assert same_bytes(outbox / "b", inbox / "b")


def test_waits_for_what_is_still_written(vsftpd, inbox, outbox, daemon):
    daemon.start()
    for seconds in (2, 10, 40, 160):  # more for a machine that stalls
        mark, begin = vsftpd.mark(), time.monotonic()
        path = outbox / f"growing-{seconds}"
        path.write_bytes(b"x" * 1000)
        daemon.upload(path.name, vsftpd.url("in/"), path, source=f"StableSec={seconds}s\nThen=delete\n")
        daemon.wait_for(f"{path.name}: waits: ")
        with open(path, "ab") as f:
            f.write(b"y" * 12000)
        written = time.monotonic()
        daemon.wait_for(f"{path.name}: done: ")
        if written - begin < seconds:
            break
    assert (inbox / path.name).stat().st_size == 13000
    assert not path.exists()
    assert sum(line.startswith("STOR") for line in vsftpd.commands(mark)) == 1


def test_hot_folder(vsftpd, inbox, outbox, daemon):
    """Each arrival is another run; a restart makes no difference."""
    daemon.upload("hot", vsftpd.url("in/"), f"{outbox}/", job="Watch=yes\n", source="Then=delete\n")
    daemon.start()
    for n in range(3):
        name = f"file{n % 2}"  # the first name comes again
        sent = arrive(outbox / name, 1000 + n, seed=n).read_bytes()
        daemon.wait_for("hot: done: ", n + 1)
        wait_until(lambda: not (outbox / name).exists(), f"{name} stays in the source")
        assert (inbox / name).read_bytes() == sent
        if n == 1:
            daemon.stop()
            daemon.start()


@pytest.mark.slow
def test_leaves_alone_what_is_there(vsftpd, inbox, outbox, daemon):
    for name in ("old", "new"):
        arrive(outbox / name)
    (inbox / "old").write_text("theirs")
    daemon.upload("skip", vsftpd.url("in/"), f"{outbox}/", target="IfExists=skip\n")
    daemon.start()
    daemon.wait_for("skip: done: ")
    assert (inbox / "old").read_text() == "theirs"
    assert same_bytes(outbox / "new", inbox / "new")


def test_source_on_the_server_is_moved_away(any_server, inbox, daemon):
    for name in ("a", "b"):
        write_pattern(inbox / name, 3000)
        shutil.chown(inbox / name, USER)
        (inbox / f"{name}.ok").touch()
        shutil.chown(inbox / f"{name}.ok", USER)
    write_pattern(inbox / "c", 1000)
    (inbox / "old").mkdir()
    shutil.chown(inbox / "old", USER)
    (inbox / "old/a").write_text("of yesterday")
    got = daemon.target / "got"
    got.mkdir()
    daemon.drop("fetch", any_server.url("in/"), source="Marker=%f.ok\nThen=move in/old\n", path=f"{got}/")
    daemon.start()
    daemon.wait_for("fetch: done: 2 files")
    assert names(got) == ["a", "b"]
    assert names(inbox) == ["c", "old"]
    assert names(inbox / "old") == ["a", "a.1", "a.ok", "b", "b.ok"]
    assert same_bytes(got / "a", inbox / "old/a.1")


class Held:
    """RNTO is held back until kftpd has been killed; then it is done or not."""

    def __init__(self, renames, taken=False):
        self.renames, self.taken = renames, taken
        self.came, self.killed, self.over = threading.Event(), threading.Event(), threading.Event()

    def __call__(self, session, argument):
        self.came.set()
        self.killed.wait(LIMIT)
        files = session.server.files
        if self.renames:
            files[session.path(argument)] = files.pop(session.renaming)
        if self.taken:
            del files[session.path(argument)]
        self.over.set()
        session.close()


@pytest.mark.parametrize("renames", [False, True], ids=["not renamed", "renamed"])
@pytest.mark.parametrize("many", [False, True], ids=["one", "set"])
def test_killed_while_it_is_renamed(renames, many, outbox, daemon):
    held = Held(renames)
    arrive(outbox / "pay")
    if many:
        arrive(outbox / "slip", seed=1)
    with ScriptedServer({}, {"RNTO": [held, USUAL]}) as server:
        server.directories.add("in")
        daemon.upload("job", server.url("in/", user=""), f"{outbox}/" if many else outbox / "pay", source="Then=delete\n")
        daemon.start()
        assert held.came.wait(LIMIT), daemon.log.read_text()
        assert daemon.ledger("job")["state"] == "intent"
        daemon.process.kill()
        daemon.process.wait()
        held.killed.set()
        assert held.over.wait(LIMIT)
        assert (outbox / "pay").exists()
        daemon.start()
        daemon.wait_for("job: done: ")
        assert sorted(server.files) == (["in/pay", "in/slip"] if many else ["in/pay"])
        assert server.verbs().count("STOR") == len(server.files)
        assert names(outbox) == [], daemon.log.read_text()


def test_killed_while_a_consumer_takes_it(outbox, daemon):
    """Nobody knows whether it was delivered: said loudly, and not sent again."""
    held = Held(True, taken=True)
    arrive(outbox / "pay")
    with ScriptedServer({}, {"RNTO": held}) as server:
        daemon.upload("job", server.url("pay", user=""), outbox / "pay", job="RetrySec=1s\n", source="Then=delete\n")
        daemon.start()
        assert held.came.wait(LIMIT), daemon.log.read_text()
        daemon.process.kill()
        daemon.process.wait()
        held.killed.set()
        assert held.over.wait(LIMIT)
        daemon.start()
        line, = daemon.wait_for("job: failed: ")
        assert "not known" in line and "pay" in line
        daemon.stop()
        daemon.start()
        daemon.upload("marker", "ftp://127.0.0.1:1/", os.devnull)  # the daemon is through with what it knew
        daemon.wait_for("marker")
        assert server.verbs().count("STOR") == 1
        assert (outbox / "pay").exists()
        assert daemon.ledger("job")["state"] == "failed"
