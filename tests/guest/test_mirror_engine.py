# SPDX-License-Identifier: GPL-2.0-or-later
"""What a mirror must not remove, and what must not keep it from ending: by a server that does as the test says."""
import calendar
import os
import re
import signal

import pytest

from mirrors import write
from servers.scripted import FEATURES, ScriptedServer
from support import wait_until

#: what the server says of each file that it is told nothing else of
TIME = calendar.timegm((2026, 1, 2, 3, 4, 5))
MLSD = (*FEATURES, "MLST type*;size*;modify*;", "MFMT")


@pytest.fixture
def here(target):
    return target / "here"


def run(kftp, source, target, *options, status=0):
    done = kftp.verb("mirror", "--json", *options, source, target)
    assert done.status == status, f"exit status {done.status}: {done.stderr}\n{done.stdout}"
    return done


# ---- what is deleted

def test_nothing_is_deleted_beside_what_the_server_stores_in_another_form(kftp, here):
    """What was sent would look as if nobody had sent it."""
    decomposed, composed = "cafe\u0301", "caf\u00e9"
    write(here, {decomposed: b"new"})

    def rename(session, argument):
        session.RNTO(argument.replace(decomposed, composed))

    with ScriptedServer({composed: b"old", "more": b"more"}, features=MLSD, replies={"RNTO": rename}) as server:
        done = run(kftp, here, server.url(), "--delete", status=3)
        assert server.files == {composed: b"new", "more": b"more"}
    assert decomposed in done.json_lines[0]["error"]


def test_what_a_transfer_has_left_in_a_directory_does_not_keep_it(kftp, here):
    write(here, {"gone/.file.kftp-part": b"begin", "gone/file": b"file"})
    with ScriptedServer(features=MLSD) as server:
        run(kftp, server.url(), here, "--delete")
    assert list(here.iterdir()) == []


# ---- the source of a move

def test_newer_does_not_remove_what_is_another_file(kftp, here):
    """A target that is newer is left as it is, and is no copy of the source."""
    write(here, {"newer": b"another one"}, TIME + 100)
    write(here, {"same": b"same"}, TIME)
    with ScriptedServer({"newer": b"source", "same": b"same"}, features=MLSD) as server:
        run(kftp, server.url(), here, "--move", "--newer")
        assert server.files == {"newer": b"source"}
    assert (here / "newer").read_bytes() == b"another one"


def test_what_changes_while_it_is_sent_stays(kftp, here):
    """Its end has not arrived."""
    write(here, {"log": b"begin", "whole": b"whole"})

    def rename(session, argument):
        if argument.endswith("log"):
            with open(here / "log", "ab") as file:
                file.write(b", and end")
        session.RNTO(argument)

    with ScriptedServer(features=MLSD, replies={"RNTO": rename}) as server:
        done = run(kftp, here, server.url(), "--move", status=3)
        assert server.files == {"log": b"begin", "whole": b"whole"}
    assert {path.name: path.read_bytes() for path in here.iterdir()} == {"log": b"begin, and end"}
    assert re.search(r"log stays: it was changed", done.stdout)


def test_what_is_written_anew_while_it_is_received_stays(kftp, here):
    """Of its old size: only the time tells."""
    def retrieve(session, name):
        session.RETR(name)
        session.server.files[name] = b"third"
        session.server.mtimes[name] = "20260203040506"

    with ScriptedServer({"log": b"begin"}, features=MLSD, replies={"RETR": retrieve}) as server:
        done = run(kftp, server.url(), here, "--move", status=3)
        assert server.files == {"log": b"third"}
    assert (here / "log").read_bytes() == b"begin"
    assert "log stays: it was changed" in done.stdout


def test_what_grows_while_it_is_received_stays(kftp, here):
    def retrieve(session, name):
        session.RETR(name)
        session.server.files[name] += b", and end"

    with ScriptedServer({"log": b"begin"}, features=MLSD, replies={"RETR": retrieve}) as server:
        done = run(kftp, server.url(), here, "--move", status=3)
        assert server.files == {"log": b"begin, and end"}
    assert (here / "log").read_bytes() == b"begin"
    assert "log stays: it was changed" in done.stdout


def test_what_lies_behind_a_link_stays(kftp, here, target):
    """Out of the tree there is nothing to be removed, whatever is followed."""
    write(target, {"outside/file": b"file", "outside/empty": None, "here/own": b"own"})
    (here / "link").symlink_to("../outside")
    with ScriptedServer(features=MLSD) as server:
        run(kftp, here, server.url(), "--move", "--symlinks=follow")
        assert server.files == {"link/file": b"file", "own": b"own"}
    assert (target / "outside/file").read_bytes() == b"file" and (target / "outside/empty").is_dir()
    assert os.listdir(here) == ["link"]


def test_same_size_on_a_server_that_keeps_no_times_is_not_enough(kftp, here):
    write(here, {"file": b"new"}, TIME - 100)
    with ScriptedServer({"file": b"old"}, features=MLSD, replies={"MFMT": b"500 What?\r\n"}) as server:
        run(kftp, here, server.url(), "--move")
        assert server.files == {"file": b"new"}
    assert not os.listdir(here)


def test_a_listing_of_an_earlier_run_removes_nothing(kftp, here):
    """A file may have been written in place since then, which its directory's time does not show."""
    retrievals = [lambda session, name: session.RETR(name), lambda session, _: session.hang()]
    with ScriptedServer({"sub/a": b"old", "sub/b": b"old"}, features=MLSD, replies={"RETR": retrievals}) as server:
        running = kftp.start_verb("mirror", "--parallel=1", server.url(), here)
        wait_until(lambda: server.verbs().count("RETR") == 2, "the second file is asked for")
        running.signal(signal.SIGINT)
        assert running.wait().status == 130
        del server.replies["RETR"]
        server.files["sub/a"], server.mtimes["sub/a"] = b"new", "20260203040506"
        run(kftp, server.url(), here, "--move")
        assert not server.files
    assert (here / "sub/a").read_bytes() == b"new"


# ---- what has to end

def test_a_hash_and_a_time_are_asked_for_once(kftp, here):
    """The hash says that it is the same, LIST's time says that it may not be: MDTM decides, and sets it."""
    write(here, {"file": b"same"}, TIME + 5 * 86400)
    with ScriptedServer({"file": b"same"}, features=(*FEATURES, "HASH SHA-256*")) as server:
        done = run(kftp, server.url(), here, "--compare=hash")
        assert server.verbs().count("HASH") == 1 and "RETR" not in server.verbs()
    assert [e["action"] for e in done.json_lines] == ["set"]
    assert (here / "file").stat().st_mtime == TIME


def test_a_session_that_gets_no_connection_does_not_try_for_each_thing(kftp, here):
    """Each of them would fail alike, after all its retries."""
    write(here, {f"{i}": None for i in range(20)})

    def vanish(session, _):
        session.server.replies[""] = lambda session, _: session.reset()
        session.reset()

    with ScriptedServer(features=MLSD, replies={"MKD": vanish}) as server:
        done = kftp.verb("mirror", "--parallel=1", here, server.url())
        assert done.status not in (0, 3), done.stderr
        assert len(server.sessions) <= 4


# ---- what is told

def test_a_server_that_has_no_command_for_times_is_none_that_fails(kftp, here):
    """Where sizes are all that is compared, a time that cannot be set is no failure, as it is none after an upload."""
    write(here, {"file": b"same", "other": b"same"}, TIME + 100)
    what = b"500 What?\r\n"
    no_times = {"MFMT": what, "SITE": what, "MDTM": lambda session, a: session.send(what) if " " in a else session.MDTM(a)}
    with ScriptedServer({"file": b"same", "other": b"same"}, features=MLSD, replies=no_times) as server:
        done = run(kftp, here, server.url(), "--compare=size")
        assert not done.json_lines and "STOR" not in server.verbs()


def test_a_plan_tells_of_whole_paths(kftp, here):
    """Also where the target is still to be made."""
    with ScriptedServer({"file": b"x"}, features=MLSD) as server:
        done = kftp.verb("mirror", "--json", "--dry-run", server.url(), "here/")
    assert [e["path"] for e in done.json_lines] == [str(here / "file")]
