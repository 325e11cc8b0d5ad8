# SPDX-License-Identifier: GPL-2.0-or-later
"""Listings in every format and by every way of asking, against the scripted server and pyftpdlib."""
import os
import pty
import subprocess

import pytest

from guide import *  # noqa: F401,F403
from servers.scripted import ScriptedServer
from support import KFTP, names

MLST = (*FEATURES, "MLST type*;size*;modify*;")

UNIX = (b"total 12\r\n"
        b"drwxr-xr-x   2 ftp      ftp          4096 Jan  2  2020 sub\r\n"
        b"-rw-r-----   1 ftp      ftp      12345678 Dec 31  2019 two words\r\n"
        b"lrwxrwxrwx   1 ftp      ftp             5 Jan  2  2020 link -> there\r\n")
DOS = (b"01-02-20  03:04PM       <DIR>          sub\r\n"
       b"12-31-2019  12:00AM             12345678 two words\r\n")
FACTS = (b"type=cdir;modify=20200102150405; .\r\n"
         b"Type=dir;Modify=20200102150400; sub\r\n"
         b"size=12345678;type=file;modify=20191231000000.5;UNIX.mode=0640; two words\r\n"
         b"type=OS.unix=slink:there;modify=20200102000000; link\r\n")


def listing(text, reply=b"226 Done\r\n"):
    """A reply to LIST or MLSD, whatever its argument."""
    return script(say(b"150 Here\r\n"), data(text), say(reply))


def by_name(listed):
    return {entry["name"]: entry for entry in listed.entries}


# ---- formats

@pytest.mark.parametrize("verb, features, text", [("LIST", FEATURES, UNIX), ("LIST", FEATURES, DOS), ("MLSD", MLST, FACTS),
                                                  ("LIST", FEATURES, FACTS)], ids=["unix", "DOS", "MLSD", "facts-by-LIST"])
def test_formats(verb, features, text, guide):
    entries = by_name(guide.listing({verb: listing(text)}, features=features))
    assert entries["sub"]["type"] == "dir"
    assert entries["sub"]["mtime"].startswith("2020-01-02T")
    file = entries["two words"]
    assert (file["type"], file["size"], file["target"]) == ("file", 12345678, None)
    assert file["mtime"] == "2019-12-31T00:00:00Z"
    assert file["mode"] in ("0640", None)
    if text != DOS:
        assert (entries["link"]["type"], entries["link"]["target"]) == ("link", "there")


@pytest.mark.parametrize("text", [UNIX.replace(b"\r\n", b"\n"), UNIX[:-2]], ids=["LF", "no-end"])
def test_ends_of_lines(text, guide):
    assert guide.listing({"LIST": listing(text)}).names == ["sub", "two words", "link"]


def test_lines_that_cannot_be_read_are_told_and_do_no_harm(guide):
    listed = guide.listing({"LIST": listing(b"Hello \x1b[2J\r\n" + UNIX + b"-rw-r--r-- 1 ftp\r\n")})
    assert listed.names == ["sub", "two words", "link"]
    assert "2 of the server's lines" in listed.stderr and '"Hello \\x1b[2J"' in listed.stderr
    assert listed.stderr.count("\n") == 1


def test_a_server_that_shows_only_so_many(kftp):
    """Pure-FTPd says so in the middle of its reply."""
    reply = b"226-Output truncated to 3 matches\r\n226 3 matches total\r\n"
    with ScriptedServer({}, {"LIST": listing(UNIX, reply)}) as server:
        failed = kftp.verb("ls", "--json", server.url()).assert_failed(1)
    assert len(failed.json) == 3 and "Output truncated to 3 matches" in failed.stderr


def test_an_unknown_format_is_a_failure(guide):
    failed = guide.listing({"LIST": listing(b"what is\r\nthis?\r\n")}, status=1)
    assert '"what is"' in failed.stderr and failed.stdout == ""


def test_an_error_message_in_place_of_the_listing(guide):
    guide.listing({"LIST": listing(b"ls: absent: No such file or directory\r\n")}, "absent", status=5)
    assert guide.listing({"LIST": listing(b"No files found.\r\n")}).entries == []


def test_names_that_are_no_text(guide):
    [entry] = guide.listing({"LIST": listing(b"-rw-r--r-- 1 a b 5 Jan  2  2020 caf\xe9\x01\"\r\n")}).entries
    assert entry["name"] == "caf\ufffd\x01\""
    assert entry["name_b64"] == "Y2Fm6QEi"


def test_a_terminal_is_spared_what_is_in_names(password_file, target):
    """Bytes as they are for programs, escaped for a terminal."""
    text = b"-rw-r--r-- 1 a b 5 Jan  2  2020 \x1b]0;x\x07\xc2\x9b\r\n"
    with ScriptedServer({}, {"LIST": listing(text)}) as server:
        main, terminal = pty.openpty()
        with subprocess_to(terminal, "ls", "-1", f"--password-file={password_file}", server.url()) as process:
            assert process.wait(60) == 0
        shown = os.read(main, 4096)
        os.close(main)
    assert shown == b"\\x1b]0;x\\x07\\xc2\\x9b\r\n"


def subprocess_to(terminal, *arguments):
    process = subprocess.Popen([str(a) for a in (KFTP, *arguments)], stdin=subprocess.DEVNULL, stdout=terminal)
    os.close(terminal)
    return process


# ---- MLSD or LIST

@pytest.mark.parametrize("code", [500, 501, 502, 504])
def test_MLSD_that_is_not_there_after_all(code, guide):
    listed = guide.listing({"MLSD": b"%d No\r\n" % code}, "d/", files={"d/file": DATA}, features=MLST)
    assert listed.names == ["file"] and "LIST" in listed.verbs


def test_no_MLSD_where_FEAT_does_not_tell_of_it(guide):
    listed = guide.listing(files={"file": DATA})
    assert listed.names == ["file"] and "MLSD" not in listed.verbs


@pytest.mark.parametrize("features", [FEATURES, MLST], ids=["LIST", "MLSD"])
@pytest.mark.parametrize("name, url", [("d/file", "d/file"), ("d/-a b*", "d/-a%20b%2a"), ("[x]", "%5Bx%5D")], ids=["plain", "hard", "glob"])
def test_a_file_is_its_own_listing(name, url, features, guide):
    def list_(session, argument):
        if " " in argument or "[" in argument:
            session.send(b"550 No such file\r\n")
        else:
            session.LIST(argument)
    listed = guide.listing({"LIST": list_}, url, files={name: b"12345", "d/other": DATA}, features=features)
    [entry] = listed.entries
    assert (entry["name"], entry["type"], entry["size"]) == (name.split("/")[-1], "file", 5)


@pytest.mark.parametrize("reply", [b"450 absent: No such file or directory\r\n", b"550 No files found\r\n", listing(b""),
                                   b"550 What?\r\n"], ids=["450", "no-files", "empty", "550"])
@pytest.mark.parametrize("url", ["absent", "not%20there"], ids=["plain", "space"])
def test_a_missing_directory(url, reply, guide):
    failed = guide.listing({"LIST": reply}, url, status=5)
    assert "550" in failed.stderr and failed.stdout == ""


def test_a_directory_with_nothing_in_it_is_empty_also_if_LIST_says_450(guide):
    assert guide.listing({"LIST": b"450 void: No such file or directory\r\n"}, "void", directories=["void"]).entries == []


def test_a_directory_that_may_not_be_read_is_not_empty(guide):
    failed = guide.listing({"LIST": b"550 Permission denied\r\n"}, "closed", status=5, directories=["closed"])
    assert "Permission denied" in failed.stderr


def test_the_login_directory_is_come_back_to(guide):
    listed = guide.listing({}, "two%20words/", files={"two words/file": DATA})
    assert listed.names == ["file"]
    assert [c for c in listed.commands if c.startswith(("CWD", "LIST"))] == ["CWD two words/", "LIST", "CWD /"]


# ---- LIST -a, STAT

def all_with(session, argument):
    if argument == "-a":
        listing(b"drwxr-xr-x 2 a b 9 Jan  2  2020 .\r\ndrwxr-xr-x 2 a b 9 Jan  2  2020 ..\r\n"
                b"-rw-r--r-- 1 a b 5 Jan  2  2020 .hidden\r\n")(session, argument)
    else:
        listing(b"")(session, argument)


def test_hidden_names_are_asked_for_by_LIST_a(guide):
    assert guide.listing({"LIST": all_with}, "", "-a").names == [".hidden"]
    assert guide.listing({"LIST": all_with}, "d/", "-a", directories=["d"]).names == [".hidden"]
    assert guide.listing({"LIST": all_with}).names == []


@pytest.mark.parametrize("system", [b"215 VMS V7\r\n", b"500 What?\r\n"], ids=["VMS", "unknown"])
def test_no_LIST_a_where_it_is_no_option(system, guide):
    listed = guide.listing({"LIST": all_with, "SYST": system}, "", "-a")
    assert listed.names == [] and "LIST -a" not in listed.commands


def test_LIST_a_that_is_a_name(guide):
    only = listing(b"-rw-r--r-- 1 a b 5 Jan  2  2020 -a\r\n")
    more = listing(UNIX)
    listed = guide.listing({"LIST": lambda s, a: (only if a else more)(s, a)}, "", "-a")
    assert listed.names == ["sub", "two words", "link"]


def test_STAT_needs_no_data_connection(guide):
    status = b"213-Status of d:\r\n" + b"".join(b" " + line + b"\r\n" for line in UNIX.split(b"\r\n")[1:-1]) + b"213 End\r\n"
    listed = guide.listing({"STAT": status}, "d", "--stat", directories=["d"])
    assert listed.names == ["sub", "two words", "link"]
    assert not {"EPSV", "PASV", "LIST"} & set(listed.verbs)


# ---- failures on the way

def test_no_entry_comes_twice_after_a_lost_connection(kftp):
    half = script(say(b"150 Here\r\n"), open_data, send(UNIX[:100]), reset_data, reset)
    with ScriptedServer({}, {"LIST": [half, listing(UNIX)]}) as server:
        done = kftp.verb("ls", "--json", server.url(), retries=1).assert_done()
    assert [entry["name"] for entry in done.json] == ["sub", "two words", "link"]


def test_a_listing_that_is_cut_short_is_a_failure(guide):
    half = script(say(b"150 Here\r\n"), open_data, send(UNIX[:100]), end_data, say(b"426 Broken\r\n"))
    assert guide.listing({"LIST": half}, status=6).stdout == ""


@pytest.mark.slow
def test_a_listing_without_end(kftp):
    def endless(session, _):
        session.send(b"150 Here\r\n")
        with session.open_data() as connection:
            while True:
                connection.sendall(UNIX * 5000)
    with ScriptedServer({}, {"LIST": endless}) as server:
        failed = kftp.verb("ls", server.url(), limit=600).assert_failed(1)
    assert "256.0 MiB" in failed.stderr and failed.stdout == ""


def test_output_that_cannot_be_written(kftp, password_file):
    with ScriptedServer({}, {"LIST": listing(UNIX)}) as server, open("/dev/full", "wb") as full:
            done = subprocess.run([KFTP, "ls", f"--password-file={password_file}", server.url()], stdout=full, stderr=subprocess.PIPE,
                              timeout=60, check=False)
    assert done.returncode == 7 and b"No space left" in done.stderr


# ---- changes whose reply is lost: nothing is done twice

def count(server, verb):
    return server.verbs().count(verb)


def lost(*steps):
    """Does this, and then the connection is gone."""
    return script(*steps, reset)


def forget(verb):
    """Carries the command out, but the reply stays in the server."""
    def step(session, argument):
        session.send, kept = lambda _: None, session.send
        getattr(session, verb)(argument)
        session.send = kept
    return step


@pytest.mark.parametrize("features", [FEATURES, MLST], ids=["SIZE", "MLST"])
def test_rm_that_was_carried_out_is_not_repeated(features, kftp):
    with ScriptedServer({"f": DATA}, {"DELE": lost(forget("DELE"))}, features=features) as server:
        kftp.verb("rm", server.url("f"), retries=1).assert_done()
        assert server.files == {} and count(server, "DELE") == 1


def test_rm_that_was_not_carried_out_is_repeated(kftp):
    with ScriptedServer({"f": DATA}, {"DELE": [lost(), USUAL]}) as server:
        kftp.verb("rm", server.url("f"), retries=1).assert_done()
        assert server.files == {} and count(server, "DELE") == 2


def test_rm_of_which_nobody_knows(kftp):
    with ScriptedServer({"f": DATA}, {"DELE": lost()}) as server:
        failed = kftp.verb("rm", server.url("f")).assert_failed(6)
        assert "not known" in failed.stderr


def test_rm_force_of_what_is_missing(kftp):
    with ScriptedServer({}) as server:
        kftp.verb("rm", "-f", server.url("absent")).assert_done()
        kftp.verb("rm", server.url("absent")).assert_failed(5)
    with ScriptedServer({"f": DATA}, {"DELE": b"550 Permission denied\r\n"}) as server:
        kftp.verb("rm", "-f", server.url("f")).assert_failed(5)


def test_mkdir_that_was_carried_out_is_done(kftp):
    with ScriptedServer({}, {"MKD": [lost(forget("MKD")), USUAL]}) as server:
        kftp.verb("mkdir", server.url("d"), retries=1).assert_done()
        assert server.directories == {"d"}


def test_mv_that_was_carried_out_is_not_repeated(kftp):
    with ScriptedServer({"d/old": DATA}, {"RNTO": [lost(forget("RNTO")), USUAL]}) as server:
        kftp.verb("mv", server.url("d/old"), "new", retries=1).assert_done()
        assert set(server.files) == {"d/new"} and count(server, "RNTO") == 1


def test_mv_that_was_not_carried_out_is_repeated(kftp):
    with ScriptedServer({"d/old": DATA}, {"RNTO": [lost(), USUAL]}) as server:
        kftp.verb("mv", server.url("d/old"), "new", retries=1).assert_done()
        assert set(server.files) == {"d/new"} and count(server, "RNTO") == 2


def test_mv_of_which_nobody_knows(kftp):
    def vanish(session, _):
        session.server.files.clear()
        session.reset()
    with ScriptedServer({"old": DATA}, {"RNTO": vanish}) as server:
        failed = kftp.verb("mv", server.url("old"), "new", retries=1).assert_failed(6)
        assert "not known" in failed.stderr and count(server, "RNTO") == 1


def test_quote_is_sent_once(kftp):
    with ScriptedServer({}, {"SITE": lost()}) as server:
        kftp.verb("quote", server.url(), "SITE", "DO", "it", retries=3).assert_failed(6)
        assert [c for c in server.commands if c.startswith("SITE")] == ["SITE DO it"]


def test_quote_shows_a_refusal_too(kftp):
    with ScriptedServer({}, {"SITE": b"500-Not\r\n here\r\n500 at all\r\n"}) as server:
        failed = kftp.verb("quote", server.url(), "SITE x").assert_failed(5)
    assert failed.stdout == "500-Not\n here\n500 at all\n"


# ---- names that the server changes

def test_mkdir_that_makes_something_else_is_a_failure(kftp):
    with ScriptedServer({}, {"MKD": b'257 "/trail_" created\r\n'}) as server:
        failed = kftp.verb("mkdir", server.url("trail%20")).assert_failed(5)
        assert "trail_" in failed.stderr


def test_mkdir_parents(kftp):
    with ScriptedServer({}) as server:
        kftp.verb("mkdir", "-p", server.url("a/b/c"), server.url("a/b")).assert_done()
        assert server.directories == {"a", "a/b", "a/b/c"}


@pytest.mark.parametrize("verb, arguments", [("ls", []), ("ls", ["ftp://h/", "x"]), ("rm", []), ("mkdir", []), ("mv", ["ftp://h/a"]),
                                             ("mv", ["ftp://h/a", "ftp://h/b"]), ("mv", ["ftp://h/a", "b\nc"]), ("mv", ["ftp://h/a", ".."]),
                                             ("quote", ["ftp://h/"]), ("rm", ["ftp://h/"]), ("mkdir", ["ftp://h/"]), ("ls", ["--mtime", "ftp://h/"])])
def test_wrong_arguments(verb, arguments, kftp):
    kftp.run(verb, *arguments).assert_failed(2)


# ---- a real server with MLSD

def test_pyftpdlib(servers, home, kftp):
    server = servers.get("pyftpdlib")
    for name in ("plain", "-dash", "[glob]*", " both ends "):
        (home / name).mkdir()
        (home / name / "in side").write_bytes(b"12345")
        shown = kftp.verb("ls", "--json", server.url(name.replace(" ", "%20").replace("[", "%5B").replace("]", "%5D"))).assert_done()
        assert [(e["name"], e["type"], e["size"]) for e in shown.json] == [("in side", "file", 5)]
    shown = kftp.verb("ls", "-1", server.url()).assert_done().stdout.split("\n")
    assert sorted(shown[:-1]) == names(home)
    kftp.verb("ls", server.url("absent")).assert_failed(5)
    [entry] = kftp.verb("ls", "--json", server.url("plain/in%20side")).assert_done().json
    assert (entry["name"], entry["size"]) == ("in side", 5)
