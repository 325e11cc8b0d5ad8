# SPDX-License-Identifier: GPL-2.0-or-later
"""The FTP guide's rows on transfers, continued: T14 to T26, that is resumed uploads, listings, sizes, times,
names, texts, and silence. The first ones are in test_guide_transfer.py."""
import os
import socket
import time

from guide import *  # noqa: F401,F403
from servers.scripted import ScriptedServer
from support import names
from test_guide_transfer import BROKEN, HALF, restarts

MLST = (*FEATURES, "MLST type*;size*;modify*;")


# ---- T14: resumed uploads

CUT = script(say(b"150 Send it\r\n"), take(HALF), reset_data, say(b"426 Broken\r\n"), cut)
LARGE = DATA * 40


def test_T14_an_upload_goes_on_from_what_is_there(guide):
    done = guide.put({"STOR": [CUT, USUAL]}, data=LARGE, retries=1)
    assert "APPE" in done.verbs or restarts(done) == [f"REST {HALF}"]


@each("broken", [refuse("APPE"), refuse("REST"), refuse("APPE", "REST"), refuse("SIZE")],
                         ids=["no-APPE", "no-REST", "neither", "no-SIZE"])
def test_T14_whatever_is_missing_the_file_arrives_whole(broken, guide):
    guide.put({**broken, "STOR": [CUT, USUAL]}, data=LARGE, retries=2)


def test_T14_what_is_longer_than_the_file_is_not_gone_on_from(guide):
    def grow(session, name):
        session.server.files[session.path(name)] = bytes(len(LARGE) + 1)
        session.send(b"426 Broken\r\n")
        session.close()
    guide.put({"STOR": [script(say(b"150 Send it\r\n"), take(HALF), reset_data, grow), USUAL]}, data=LARGE, retries=1)


# ---- T15 to T17: listings

@each("reply", [
    b"450 No files found\r\n", b"550 No files found\r\n", b"550 No members found\r\n", b"550 No data sets found\r\n",
    b"226 Nothing here\r\n",
], ids=["450", "550", "members", "data-sets", "226"])
@each("verb, features", [("LIST", FEATURES), ("MLSD", MLST)], ids=["LIST", "MLSD"])
def test_T15_an_empty_directory(verb, features, reply, guide):
    assert guide.listing({verb: reply}, "empty/", directories=["empty"], features=features).entries == []


@each("end", [end_data, reset_data], ids=["FIN", "RST"])
def test_T15_an_empty_directory_over_a_data_connection(end, guide):
    listed = guide.listing({"LIST": script(say(b"150 Here\r\n"), open_data, end, say(b"226 Done\r\n"))}, "empty/", directories=["empty"])
    assert listed.entries == []


def test_T15_a_missing_directory_is_not_an_empty_one(guide):
    failed = guide.listing({}, "absent/", status=5)
    assert "550" in failed.stderr and failed.stdout.strip() in ("", "[]")


def test_T16_no_LIST_a_where_nobody_asks_for_it(guide):
    """For some servers -a is a file's name."""
    listed = guide.listing(files={"file": DATA, ".hidden": DATA})
    assert "file" in listed.names
    assert not any("-a" in line for line in listed.commands)


def test_T16_a_server_that_does_not_know_LIST_a(guide):
    """-a is no such file there, or a listing of nothing."""
    def empty(session, argument):
        if argument.startswith("-"):
            session.send(b"150 Here\r\n")
            session.send_file(b"")
            session.send(b"226 Done\r\n")
        else:
            session.LIST(argument)
    for on_list in (empty, do("LIST")):
        assert guide.listing({"LIST": on_list}, "", "--all", files={"file": DATA}).names == ["file"]


@each("directory, url", [("with space", "with%20space/"), ("a*b[c]?", "a*b%5Bc%5D%3F/"), ("-a", "-a/"),
                                            ("~x", "~x/")], ids=["space", "glob", "dash", "tilde"])
def test_T17_a_directory_whose_name_LIST_would_not_take(directory, url, guide):
    """Servers split at spaces, expand patterns and take options; CWD does not."""
    def list_(session, argument):
        if argument:
            session.send(b"550 No such file or directory\r\n")
        else:
            session.LIST("")
    listed = guide.listing({"LIST": list_}, url, files={f"{directory}/file": DATA})
    assert listed.names == ["file"]


# ---- T18 to T20: sizes and times

def test_T18_SIZE_is_asked_in_binary_mode(guide):
    def size(session, name):
        if session.type == "I":
            session.SIZE(name)
        else:
            session.send(b"550 SIZE not allowed in ASCII mode\r\n")
    short = script(say(b"150 Here\r\n"), open_data, send_part(0, -1), end_data, say(b"226 Done\r\n"))
    guide.get({"SIZE": size, "RETR": short}, status=8)


@each("reply", [b"213 The size is 100000\r\n", b"213 100000 \r\n", b"213-Size\r\n213 100000\r\n"],
                         ids=["words", "space", "multi-line"])
def test_T18_SIZE_with_more_than_the_number(reply, guide):
    guide.get({"SIZE": reply})
    (guide.target / "file").unlink()
    guide.get({"SIZE": reply, "RETR": script(say(b"150 Here\r\n"), data(DATA[:-1]), say(b"226 Done\r\n"))}, status=8)


@each("reply", [b"213 \r\n", b"213 many\r\n", b"213 -1\r\n", b"213 99999999999999999999999\r\n", b"550 No\r\n", b"200 100\r\n"],
                         ids=["empty", "word", "negative", "huge", "550", "200"])
def test_T18_a_SIZE_that_tells_nothing_is_no_obstacle(reply, guide):
    guide.get({"SIZE": reply})


def test_T18_a_SIZE_of_0_is_not_believed(guide):
    guide.get({"SIZE": b"213 0\r\n"})
    (guide.target / "file").unlink()
    guide.get({"SIZE": b"213 0\r\n"}, data=b"")


@each("first", [b"150 Opening data connection for file (100000 bytes)\r\n",
                                   b"150 Opening (127,0,0,1,4,1) (100000 bytes).\r\n", b"125 Sending file (100000 bytes)\r\n"],
                         ids=["usual", "address", "125"])
@each("size", [b"502 No\r\n", b"213 0\r\n"], ids=["no-SIZE", "SIZE-0"])
def test_T18_the_size_in_the_150_is_good_enough(size, first, guide):
    guide.get({"SIZE": size, "RETR": script(say(first), data(), say(b"226 Done\r\n"))})
    (guide.target / "file").unlink()
    guide.get({"SIZE": size, "RETR": script(say(first), data(DATA[:-1]), say(b"226 Done\r\n"))}, status=8)


def test_T19_SIZE_goes_before_what_the_150_says(guide):
    first = say(b"150 Opening data connection for file (99 bytes)\r\n")
    guide.get({"RETR": script(first, data(), say(b"226 Done\r\n"))})
    (guide.target / "file").unlink()
    guide.get({"RETR": script(first, data(DATA[:99]), say(b"226 Done\r\n"))}, status=8)


def test_T19_a_file_that_grows_meanwhile_is_not_done_at_first(guide):
    """It has more than SIZE has said; the next attempt finds what it then has."""
    more = DATA + b"a line more\n"

    def grow(session, name):
        session.server.files[name] = more
        session.RETR(name)
    with ScriptedServer({"file": DATA}, {"RETR": [grow, USUAL]}) as server:
        guide.run(server, "get", server.url("file"), status=8)
        assert names(guide.target) == []
    with ScriptedServer({"file": DATA}, {"RETR": [grow, USUAL]}) as server:
        guide.run(server, "get", server.url("file"), retries=1)
    guide.check_got(0, "file", more)


@each("reply", [b"213 20260102030405\r\n", b"213 191260102030405\r\n", b"213 20260102030405.678\r\n",
                                   b"213 Modified 20260102030405\r\n"], ids=["usual", "19126", "fraction", "words"])
def test_T20_forms_of_a_time(reply, guide):
    """What is understood lets a download go on where it has ended."""
    done = guide.get({"RETR": [BROKEN, USUAL], "MDTM": [b"213 20260102030405\r\n", reply]}, retries=1)
    assert restarts(done) == [f"REST {HALF}"]


@each("reply", [b"550 No\r\n", b"500 What?\r\n", b"213 soon\r\n", b"213 20261399999999\r\n", b"213\r\n"],
                         ids=["550", "500", "word", "month-13", "nothing"])
def test_T20_a_time_that_tells_nothing_is_no_obstacle(reply, guide):
    done = guide.get({"RETR": [BROKEN, USUAL], "MDTM": reply}, retries=1)
    assert restarts(done) == [], "nobody knows whether it still is the same file"


def test_T20_another_time_means_another_file(guide):
    done = guide.get({"RETR": [BROKEN, USUAL], "MDTM": [b"213 20260102030405\r\n", b"213 20260102030406\r\n"]}, retries=1)
    assert restarts(done) == []


# ---- T21, T22: what an upload leaves behind

def set_time(session, argument):
    session.server.mtimes["set"] = argument
    session.send(b"213 OK\r\n")


def site_utime(form):
    """SITE UTIME in one form only: "long" has three times and UTC after the name, "short" one before it."""
    def site(session, argument):
        if argument.upper().startswith("UTIME ") and argument.rstrip().endswith("UTC") == (form == "long"):
            set_time(session, argument)
        else:
            session.send(b"501 What?\r\n")
    return site


#: what each kind of server knows, from the row, and how often all that comes before it is refused
TIMES = {
    "MFMT": ({"MFMT": set_time}, {}),
    "MDTM": ({"MDTM": set_time}, {"MFMT": 1, "MFF": 1, "SITE": 2}),
    "MFF": ({"MFF": set_time}, {"MFMT": 1}),
    "UTIME-long": ({"SITE": site_utime("long")}, {"MFMT": 1, "MFF": 1}),
    "UTIME-short": ({"SITE": site_utime("short")}, {"MFMT": 1, "MFF": 1}),
}


@each("kind", TIMES)
def test_T21_setting_the_time_whatever_the_server_knows(kind, guide):
    """Without FEAT nothing is known in advance. What was refused for one file is not tried for the next."""
    known, refused = TIMES[kind]
    source = [guide.target / name for name in "ab"]
    for path in source:
        path.write_bytes(DATA)
        os.utime(path, (1767323045, 1767323045))  # 2026-01-02 03:04:05 UTC
    with ScriptedServer({}, {**refuse("FEAT", "MFMT", "MFF", "SITE", "MDTM", reply=b"500 Unknown\r\n"), **known}) as server:
        done = guide.run(server, "put", "--mtime", *source, server.url(""))
        assert server.files == {"a": DATA, "b": DATA}
        assert "20260102030405" in server.mtimes["set"] and "b" in server.mtimes["set"]
    assert {verb: done.verbs.count(verb) for verb in refused} == refused


def test_T21_a_server_that_cannot_set_the_time_keeps_the_file(guide):
    """Whatever the exit status says of the time: the file is there, and it is told."""
    source = guide.target / "source"
    source.write_bytes(DATA)
    with ScriptedServer({}, refuse("MFMT", "MFF", "SITE", "MDTM", reply=b"500 Unknown\r\n")) as server:
        result = guide.kftp.run("put", f"--password-file={guide.kftp.password_file}", "--retries=0", "--mtime", source, server.url("file"))
        assert server.files == {"file": DATA}
    assert "time" in result.stderr


def test_T22_a_name_that_the_server_changes_is_told(guide):
    """As Pure-FTPd, which makes a trailing space an underscore."""
    def rnto(session, name):
        session.RNTO(name.replace(" ", "_"))

    def stor(session, name):
        session.STOR(name.replace(" ", "_"))
    with ScriptedServer({}, {"RNTO": rnto, "STOR": stor}) as server:
        source = guide.target / "source"
        source.write_bytes(DATA)
        result = guide.kftp.run("put", f"--password-file={guide.kftp.password_file}", "--retries=0", source, server.url("my%20file"))
    assert "my file" in result.stderr, "silence would let the user look for it in vain"


# ---- T23 to T26

def test_T23_CR_CR_LF_in_a_text(guide):
    text = b"one\r\ntwo\r\r\nthree\rfour\nfive\r\n\r\n"
    with ScriptedServer({"file": text}) as server:
        guide.run(server, "get", "--text", server.url("file"))
    guide.check_got(0, "file", b"one\ntwo\nthree\rfour\nfive\n\n")


@each("host", ["127.0.0.1", "localhost"])
def test_T24_nothing_is_tried_before_login_that_a_server_may_count_as_a_failure(host, guide):
    """FileZilla Server hangs up after some. FEAT before HOST is needed, and only with a name."""
    done = guide.get({**refuse("FEAT", "OPTS", "CLNT", "LANG", "SYST", "SITE", reply=b"500 Unknown\r\n")}, host=host)
    before = done.verbs[:done.verbs.index("USER")]
    assert before in ([], ["FEAT"]) and (host == "localhost" or not before)
    assert set(done.verbs) <= {"FEAT", "USER", "PASS", "TYPE", "SIZE", "MDTM", "EPSV", "RETR", "QUIT"}


def test_T25_a_server_that_connects_before_it_answers_PORT(guide):
    """As IIS does."""
    def eprt(session, argument):
        _, _, host, port, _ = argument.split("|")
        session.data = socket.create_connection((host, int(port)))
        time.sleep(0.3)
        session.send(b"200 OK\r\n")
    guide.get({"EPRT": eprt, "RETR": script(say(b"150 Here\r\n"), send_part(), end_data, say(b"226 Done\r\n"))}, "--active")


@each("verb", ["EPSV", "RETR", "", "USER", "PASS", "FEAT", "OPTS", "TYPE", "SIZE", "MDTM", "REST"])
def test_T26_silence_in_any_state_of_a_download_is_a_time_out(verb, guide):
    replies = {verb: hang}
    if verb == "REST":
        replies["RETR"] = BROKEN
    guide.get(replies, status=6, timeout=1, retries=1 if verb == "REST" else 0, bound=20)


@each("verb", ["STOR", "SIZE", "EPSV", "RNFR", "RNTO"])
def test_T26_silence_in_any_state_of_an_upload_is_a_time_out(verb, guide):
    with ScriptedServer({}, {verb: hang}) as server:
        source = guide.target / "source"
        source.write_bytes(DATA)
        guide.run(server, "put", source, server.url("file"), status=6, timeout=1, bound=20)
        assert verb == "RNTO" or "file" not in server.files


@each("verb", ["LIST", "MLSD", "PWD", "CWD", "EPSV"])
def test_T26_silence_in_any_state_of_a_listing_is_a_time_out_or_no_obstacle(verb, guide):
    features = MLST if verb == "MLSD" else FEATURES
    with ScriptedServer({"dir/file": DATA}, {verb: hang}, features=features) as server:
        result = guide.kftp.run("ls", f"--password-file={guide.kftp.password_file}", "--retries=0", f"--timeout={SHORT}", server.url("dir/"))
        asked = verb in server.verbs()
        guide.check(server, result, 6 if asked else 0, 20)
    assert asked or verb in ("PWD", "CWD"), f"{verb} was to be tested"


@each("step", [script(say(b"150 Send it\r\n"), open_data, hang),
                                  script(say(b"150 Send it\r\n"), take(HALF), hang)], ids=["from-the-start", "in-the-middle"])
def test_T26_an_upload_that_the_server_does_not_take_is_a_time_out(step, guide):
    source = guide.target / "source"
    with open(source, "wb") as f:
        f.truncate(100_000_000)
    with ScriptedServer({}, {"STOR": step}) as server:
        guide.run(server, "put", source, server.url("file"), status=6, timeout=1, bound=30)
        assert "file" not in server.files
