# SPDX-License-Identifier: GPL-2.0-or-later
"""The FTP guide's rows on the control channel and its replies, C1 to C27: what a user wants of each."""
from guide import *  # noqa: F401,F403
from servers.scripted import ScriptedServer
from support import names


# ---- C1 to C5: lines and replies

def test_C1_middle_lines_with_other_codes_do_not_end_a_reply(guide):
    done = guide.get({
        "": b"220-Welcome\r\n230 not yet\r\n530-nor this\r\n220x\r\n 220 indented\r\n220-more\r\n12345\r\n220 Now\r\n",
        "USER": b"331-Password\r\n230 no\r\n331 please\r\n",
        "SIZE": b"213-Size\r\n550 no such file\r\n213 100000\r\n",
    })
    assert done.verbs[:2] == ["USER", "PASS"] and done.verbs.count("PASS") == 1


@each("end", [b"\n", b"\r\r\n"], ids=["LF", "CR-CR-LF"])
def test_C2_lines_that_do_not_end_with_CR_LF(end, guide):
    guide.get(encode=lambda data: data.replace(b"\r\n", end))


def test_C3_blank_lines_are_skipped(guide):
    guide.get({"": b"220-Hello\r\n\r\n\r\n220 World\r\n"}, encode=lambda data: b"\r\n\r\n" + data)


def test_C4_telnet_commands_and_CR_NUL_in_replies(guide):
    guide.get({
        "": b"\xff\xfb\x01\xff\xfd\x06220 \xff\xf1Hello\xff\xff\r\0there\r\n",
        "SIZE": b"213 \xff\xf1100000\r\n",
        "MDTM": b"2\xff\xf113 20260102030405\r\n",
    })


@each("verb", ["", "RETR", "PASS", "SIZE", "EPSV"])
def test_C4_a_NUL_in_a_reply_is_no_FTP(verb, guide):
    guide.fail(1, {verb: b"2\x0020 What?\r\n"})


@each("verb", ["", "RETR", "FEAT"])
def test_C5_a_line_without_end_fails_cleanly(verb, guide):
    guide.fail(1, {verb: script(*[say(b"220 " + b"x" * 65536)] * 2, hang)})


def test_C5_more_lines_than_226_are_no_failure(guide):
    guide.get({"": b"220-%s\r\n" % (b"x" * 70) * 400 + b"220 Hello\r\n"})


@each("verb", ["RETR", "", "PASS"])
def test_C5_a_reply_without_end_fails_cleanly(verb, guide):
    def endless(session, _):
        while session.open:
            session.send(b"220-%s\r\n" % (b"y" * 100) * 100)
    guide.fail(1, {verb: endless})


# ---- C6 to C10: being let in, or not

def test_C6_the_120_before_the_greeting_is_waited_for(guide):
    guide.get({"": script(say(b"120 Ready in a moment\r\n"), pause(1), say(b"220 Now\r\n"))})


def test_C6_a_greeting_of_230_means_logged_in(guide):
    done = guide.get({"": b"230 You are in\r\n"})
    assert "USER" not in done.verbs and "PASS" not in done.verbs


@each("greeting, status", [
    (b"421 Too busy\r\n", 6), (b"421 Too many connections from your address\r\n", 6),
    (b"530 Go away\r\n", 4), (b"530 Maximum number of users logged in, try again later\r\n", 6), (b"554 No\r\n", 4),
], ids=["421", "421-connections", "530", "530-full", "554"])
def test_C6_a_refusal_at_connect(greeting, status, guide):
    failed = guide.fail(status, {"": greeting})
    assert greeting.decode().strip() in failed.stderr
    assert failed.commands == []


@each("verb", ["PASS", "RETR", "", "USER", "TYPE", "SIZE", "MDTM", "EPSV"])
def test_C7_a_421_at_any_time_means_another_connection(verb, guide):
    gone = script(say(b"421 Timeout, closing\r\n"), hang)
    done = guide.get({verb: [gone, USUAL]}, retries=1)
    assert len(done.server.sessions) == 2
    assert "QUIT" not in [line.upper() for line in done.server.sessions[0].commands], "the connection is dead"


def test_C7_a_421_in_the_midst_of_the_data_goes_on_from_there(guide):
    gone = script(say(b"150 Here\r\n"), open_data, send_part(0, 60_000), finish_data, say(b"421 Shutting down\r\n"), cut)
    done = guide.get({"RETR": [gone, USUAL]}, retries=1)
    assert [line for line in done.commands if line.startswith("REST")] == ["REST 60000"]


@each("text", [
    b"Too many users", b"Sorry, the server is overloaded", b"Try again later", b"The maximum number of clients is reached",
    b"User already connected", b"Only one simultaneous login is allowed",
])
def test_C8_a_530_of_a_full_server_is_tried_again(text, guide):
    done = guide.get({"PASS": [b"530 %s\r\n" % text, USUAL]}, "--json", retries=1)
    assert done.json["attempts"] == 2


@each("reply", [b"530 Login incorrect\r\n", b"530 Too many failed login attempts\r\n"],
                         ids=["incorrect", "failed-attempts"])
def test_C8_any_other_530_is_not(reply, guide):
    failed = guide.fail(4, {"PASS": reply}, retries=3)
    assert failed.verbs.count("PASS") == 1, "trying again could lock the account"


@each("reply", [b"230 Hello\r\n", b"232 Hello\r\n", b"200 Hello\r\n"], ids=["230", "232", "200"])
def test_C9_USER_alone_may_be_enough(reply, guide):
    assert "PASS" not in guide.get({"USER": reply}).verbs


def test_C9_a_202_for_PASS_is_as_good(guide):
    guide.get({"PASS": b"202 Not needed\r\n"})


@each("verb", ["USER", "PASS"])
def test_C9_an_account_that_is_wanted_and_not_known(verb, guide):
    failed = guide.fail(4, {verb: b"332 Account?\r\n"}, retries=3)
    assert "account" in failed.stderr.lower()
    assert "ACCT" not in failed.verbs


@each("verb", ["USER", "PASS"])
def test_C9_an_account_from_netrc_is_sent_once(verb, guide, kftp, target, tmp_path_factory):
    netrc = tmp_path_factory.mktemp("netrc") / "netrc"
    netrc.write_text("machine 127.0.0.1 login user password secret account hush-hush\n")
    netrc.chmod(0o600)
    with ScriptedServer({"file": DATA}, {verb: b"332 Account?\r\n"}) as server:
        result = kftp.run("get", f"--netrc={netrc}", "-v", "--retries=0", server.url("file"))
        guide.check(server, result, 0)
    assert result.commands.count("ACCT hush-hush") == 1
    assert "hush-hush" not in result.stderr and "secret" not in result.stderr
    assert (target / "file").read_bytes() == DATA


@each("text", [b"Broken pipe", b"Too many open files", b"Data connection timed out",
                                  b"Connection closed by the remote host"])
def test_C10_a_5xx_that_passes_is_tried_again(text, guide):
    done = guide.get({"RETR": [b"550 %s\r\n" % text, USUAL]}, "--json", retries=1)
    assert done.json["attempts"] == 2


@each("code", [500, 550, 551])
def test_C10_any_5xx_after_data_has_flowed_is_tried_again(code, guide):
    broken = script(say(b"150 Here\r\n"), open_data, send_part(0, 50_000), finish_data, say(b"%d Internal error\r\n" % code))
    done = guide.get({"RETR": [broken, USUAL]}, "--json", retries=1)
    assert done.json["attempts"] == 2
    assert "REST 50000" in done.commands


def test_C10_a_550_before_any_data_is_final(guide):
    failed = guide.fail(5, {"RETR": b"550 No such file\r\n"}, retries=3)
    assert failed.verbs.count("RETR") == 1


# ---- C11 to C15: talking too much, too little, or differently

@each("verb", ["USER", "PASS", "TYPE", "SIZE", "EPSV"])
def test_C11_a_2xx_that_nobody_asked_for_is_ignored(verb, guide):
    guide.get({verb: script(do(verb), say(b"226 Transfer complete\r\n"))})


def test_C11_a_second_226_is_ignored(guide):
    more = script(do("RETR"), say(b"226 Done\r\n"), pause(0.2), say(b"226 Really done\r\n"))
    with ScriptedServer({"a": DATA, "b": DATA}, {"RETR": more}) as server:
        done = guide.run(server, "get", server.url("a"), server.url("b"), guide.target)
    assert names(guide.target) == ["a", "b"]
    assert len(done.server.sessions) == 1, "nothing was wrong with the session"


def test_C11_any_other_reply_that_nobody_asked_for_means_another_connection(guide):
    """It is there with the 226: later nobody could tell it from the answer to the next command."""
    more = script(say(b"150 Here\r\n"), data(), say(b"226 Done\r\n550 What?\r\n"))
    with ScriptedServer({"a": DATA, "b": DATA}, {"RETR": more}) as server:
        guide.run(server, "get", server.url("a"), server.url("b"), guide.target, retries=1)
    assert names(guide.target) == ["a", "b"] and len(server.sessions) == 2
    for name in "ab":
        assert (guide.target / name).read_bytes() == DATA


def test_C12_nothing_is_sent_before_the_reply_to_what_was_sent_before(guide):
    done = guide.get(delay=0.05)
    assert done.server.overtaking == []


def test_C13_FEAT_refused_before_login_is_asked_again_after(guide):
    def feat(session, argument):
        if "PASS" in session.server.verbs():
            session.FEAT(argument)
        else:
            session.send(b"530 Please login with USER and PASS\r\n")
    done = guide.get({"FEAT": feat}, host="localhost")
    assert done.verbs[:4] == ["FEAT", "USER", "PASS", "FEAT"]
    assert "OPTS UTF8 ON" in done.commands


def test_C13_FEAT_is_not_asked_before_login_for_an_address(guide):
    done = guide.get()
    assert done.verbs[:3] == ["USER", "PASS", "FEAT"]


def test_C13_a_FEAT_list_with_211_on_each_line(guide):
    done = guide.get({"FEAT": b"211-Features\r\n211-SIZE\r\n211-UTF8\r\n211-CLNT\r\n211 End\r\n"})
    assert "OPTS UTF8 ON" in done.commands and "CLNT" in done.verbs


def test_C13_what_FEAT_does_not_list_is_asked_all_the_same(guide):
    """SIZE, MDTM and REST: the download is cut, and goes on from there."""
    broken = script(say(b"150 Here\r\n"), open_data, send_part(0, 50_000), finish_data, say(b"426 Broken\r\n"))
    done = guide.get({"RETR": [broken, USUAL], "FEAT": b"211-Features\r\n AUTH\r\n211 End\r\n"}, retries=1)
    assert {"SIZE", "MDTM"} <= set(done.verbs)
    assert "REST 50000" in done.commands


def test_C13_a_server_that_does_not_know_FEAT(guide):
    done = guide.get(refuse("FEAT", reply=b"500 Unknown\r\n"), host="localhost")
    assert done.verbs.count("FEAT") <= 2


NETWARE = {"": b"220 FILES FTP server (NetWare v5.00) ready.\r\n"}
PROBES = {"FEAT", "OPTS", "SITE", "CLNT", "HOST", "LANG", "PRET", "MLST", "MLSD"}


@each("host", ["127.0.0.1", "localhost"])
def test_C14_NetWare_is_not_probed(host, guide):
    def freak_out(session, _):
        session.reset()
    done = guide.get({**NETWARE, **refuse(*PROBES, reply=freak_out)}, host=host)
    assert not PROBES & set(done.verbs)


def test_C14_NetWare_is_not_probed_for_a_listing(guide):
    done = guide.listing({**NETWARE, **refuse(*PROBES, reply=b"")}, files={"file": DATA})
    assert done.names == ["file"]
    assert not PROBES & set(done.verbs)


@each("reply", [b"200 VMS OpenVMS V7.3\r\n", b"215 UNIX MultiNet Unix Emulation V5.3(93)\r\n", b"500 What?\r\n"],
                         ids=["200-VMS", "MultiNet", "500"])
def test_C15_whatever_SYST_says_files_come_and_are_listed(reply, guide):
    guide.get({"SYST": reply})
    (guide.target / "file").unlink()
    assert guide.listing({"SYST": reply}, files={"file": DATA}).names == ["file"]


# ---- C16 to C19: directories, types, bytes that may not be sent

@each("reply", [
    b'257 rubbish "/a ""quoted"" name"\r\n', b'257 "/unclosed\r\n', b'257 "/a\x01b"\r\n', b'257 "C:\\ftp"\r\n', b'257 "QGPL" is the current library\r\n', b'257 "PUB$DEV:[X.Y]" is it\r\n',
    b'257 relative\r\n', b"257\r\n", b"550 No\r\n", b"250 Fine\r\n",
], ids=["rubbish-quotes", "unclosed", "control", "DOS", "OS400", "VMS", "relative", "empty", "550", "250"])
def test_C16_whatever_PWD_says_a_directory_is_listed(reply, guide):
    files = {"dir with space/file": DATA}
    assert guide.listing({"PWD": reply}, "dir%20with%20space/", files=files).names == ["file"]


def run_mkdir(guide, replies, status, directories=()):
    with ScriptedServer({}, replies) as server:
        server.directories.update(directories)
        result = guide.run(server, "mkdir", server.url("new"), status=status)
    return result


def test_C17_MKD_answered_250_is_done(guide):
    def mkd(session, name):
        session.server.directories.add(name)
        session.send(b"250 Created\r\n")
    assert "new" in run_mkdir(guide, {"MKD": mkd}, 0).server.directories


@each("reply", [b"521 Exists\r\n", b"550 Cannot create\r\n"], ids=["521", "550"])
def test_C17_an_existing_directory_is_told_from_a_refusal(reply, guide):
    failed = run_mkdir(guide, {"MKD": reply}, 5, ["new"])
    assert "already" in failed.stderr


def test_C17_a_refusal_is_told_from_an_existing_directory(guide):
    failed = run_mkdir(guide, {"MKD": b"550 Cannot create\r\n"}, 5)
    assert "already" not in failed.stderr and "550 Cannot create" in failed.stderr


@each("reply", [b"226 Fine\r\n", b"250 Fine\r\n"], ids=["226", "250"])
def test_C18_any_2xx_does_for_TYPE(reply, guide):
    guide.get({"TYPE": reply})


@each("path", ["a%0d%0aDELE%20b", "a%0ab", "a%0db", "a%00b"])
def test_C19_a_path_that_would_be_another_command_is_never_sent(path, guide, kftp):
    with ScriptedServer({"b": DATA}) as server:
        for verb, more in (("get", []), ("cat", []), ("ls", []), ("rm", []), ("mkdir", []), ("mv", ["b"])):
            assert kftp.run(verb, server.url(path), *more).status == 2
        assert server.sessions == []


@each("password", ["a\rb", "a\rDELE b", "\x01"])
def test_C19_a_password_that_would_be_another_command_is_never_sent(password, guide, kftp, tmp_path_factory):
    file = tmp_path_factory.mktemp("password") / "password"
    file.write_bytes(password.encode() + b"\n")
    file.chmod(0o600)
    with ScriptedServer({"file": DATA}) as server:
        assert kftp.run("get", f"--password-file={file}", server.url("file")).status == 2
        assert server.sessions == []


def test_C19_a_new_name_that_would_be_another_command_is_never_sent(guide, kftp):
    with ScriptedServer({"a": DATA}) as server:
        assert kftp.run("mv", f"--password-file={kftp.password_file}", server.url("a"), "b\r\nDELE a").status == 2
        assert server.sessions == []


# ---- C25 to C27: what a server wants to be told first

@each("reply", [b"200 OK\r\n", b"202 Always\r\n", b"501 No\r\n"], ids=["200", "202", "501"])
def test_C25_CLNT_then_OPTS_UTF8_ON_before_any_path(reply, guide):
    name = "d\N{LATIN SMALL LETTER A WITH DIAERESIS}t\N{GREEK SMALL LETTER ALPHA}"
    done = guide.get({"OPTS": reply, "CLNT": reply}, name=name, features=[*FEATURES, "CLNT"])
    assert done.verbs.index("CLNT") < done.commands.index("OPTS UTF8 ON") < done.commands.index(f"RETR {name}")
    assert done.verbs.count("CLNT") == done.verbs.count("OPTS") == 1


def test_C25_neither_is_sent_unless_listed(guide):
    done = guide.get(features=["SIZE"])
    assert "CLNT" not in done.verbs and "OPTS" not in done.verbs


@each("languages, sent", [("LANG EN;FR*", True), ("LANG EN*;FR", False), ("LANG FR*;DE", False), ("LANG EN;FR", False)],
      ids=["French", "English", "no-English", "none"], quick=4)
def test_C25_LANG_EN_where_another_language_is_spoken(languages, sent, guide):
    """What is understood of a refusal is understood in English."""
    done = guide.get({"LANG": b"500 No\r\n"}, features=[*FEATURES, languages])
    assert done.commands.count("LANG EN") == int(sent) and done.verbs.count("LANG") == int(sent)


@each("reply", [b"220 That one\r\n", b"504 No such host\r\n", b"500 What?\r\n"], ids=["220", "504", "500"])
def test_C26_HOST_goes_before_USER(reply, guide):
    done = guide.get({"HOST": reply}, host="localhost", features=[*FEATURES, "HOST"])
    assert done.commands.count("HOST localhost") == 1
    assert done.verbs.index("HOST") < done.verbs.index("USER")


def test_C26_HOST_is_not_sent_unless_listed_nor_with_an_address(guide):
    assert "HOST" not in guide.get(host="localhost").verbs
    (guide.target / "file").unlink()
    assert "HOST" not in guide.get(features=[*FEATURES, "HOST"]).verbs


def need_pret(session, argument):
    """A distributed server: it must know the file before it can say which machine will send it."""
    told = [line for line in session.commands if line.startswith("PRET ")]
    if told:
        session.EPSV(argument)
    else:
        session.send(b"503 PRET first\r\n")


def test_C27_PRET_goes_before_EPSV(guide):
    done = guide.get({"EPSV": need_pret, "PASV": b"503 PRET first\r\n"}, features=[*FEATURES, "PRET"])
    assert done.commands.index("PRET RETR file") < done.verbs.index("EPSV") < done.verbs.index("RETR")


def test_C27_PRET_goes_before_an_upload_and_a_listing(guide):
    replies = {"EPSV": need_pret, "PASV": b"503 PRET first\r\n"}
    put = guide.put(replies, features=[*FEATURES, "PRET"])
    assert any(line.startswith("PRET STOR ") for line in put.commands)
    (guide.target / "source").unlink()
    listed = guide.listing(replies, files={"file": DATA}, features=[*FEATURES, "PRET"])
    assert listed.names == ["file"] and "PRET" in listed.verbs


def test_C27_PureFTPd_lists_PRET_and_does_not_need_it(guide):
    greeting = {"": b"220---------- Welcome to Pure-FTPd [privsep] [TLS] ----------\r\n220 You will be disconnected\r\n"}
    assert "PRET" not in guide.get(greeting, features=[*FEATURES, "PRET"]).verbs


def test_C27_PRET_is_not_sent_unless_listed(guide):
    assert "PRET" not in guide.get().verbs
