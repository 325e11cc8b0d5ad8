# SPDX-License-Identifier: GPL-2.0-or-later
"""The FTP guide's rows on TLS: C20 to C24 and C6's, D13, D14, T5 to T7 and T26's. What attackers and broken servers do
beyond these is in test_tls_hostile.py."""
import time

from guide import *  # noqa: F401,F403
from servers import records
from servers.scripted import ScriptedServer
from servers.tls import below

pytestmark = needs_tls

HALF = len(DATA) // 2
BOTH = each("version", ["1.3", "1.2"], quick=1)


# ---- C6: a greeting of 230

def test_C6_a_230_is_no_login_where_TLS_is_required(secure):
    """Whoever says it may be anybody: it counts as a 220."""
    done = secure.get({"": b"230 You are in\r\n"})
    assert done.verbs.index("AUTH") < done.verbs.index("USER") < done.verbs.index("PASS")


# ---- C20: stale bytes after the reply to AUTH

@each("mode", ["require", "auto"])
@each("stale", [b"220 Ready\r\n", b"2"], ids=["reply", "byte"], quick=1)
def test_C20_stale_bytes_after_the_reply_to_AUTH(stale, mode, secure):
    """Whoever put them there would have them taken for the server's, and protected. To go on in clear is no answer."""
    failed = secure.fail(10, {"AUTH": b"234 Go ahead\r\n" + stale}, f"--tls={mode}")
    assert failed.server.clear in (["AUTH TLS"], ["FEAT", "AUTH TLS"])


# ---- C21: AUTH TLS, AUTH SSL

def auth_only(word, reply):
    """A server that knows one of them, and agrees in its own way."""
    def auth(session, argument):
        if argument != word:
            session.send(b"504 Unknown mechanism\r\n")
            return
        session.send(reply)
        session.secure_control()
    return auth


@each("word", ["TLS", "SSL"])
@each("reply", [b"234 Go ahead\r\n", b"334 Go ahead\r\n"], ids=["234", "334"])
def test_C21_AUTH_TLS_refused_and_AUTH_SSL_taken(reply, word, secure):
    done = secure.get({"AUTH": auth_only(word, reply)})
    assert [line for line in done.server.clear if line.startswith("AUTH")] == ["AUTH TLS", "AUTH SSL"][:1 + (word == "SSL")]


@each("reply", [b"500 Unknown command\r\n", b"534 Not by policy\r\n", b"431 No certificate\r\n"], ids=["500", "534", "431"])
def test_C21_both_refused_and_TLS_required(reply, secure):
    """The server's own words are in the message, and the password stays here."""
    failed = secure.fail(10, {"AUTH": reply})
    assert reply.decode().strip() in failed.stderr
    assert "USER" not in failed.verbs and "PASS" not in failed.verbs


def test_C21_both_refused_and_TLS_not_required(secure):
    """It goes on in clear, and says so."""
    done = secure.get({"AUTH": b"500 Unknown command\r\n"}, "--tls=auto")
    assert "PASS" in [line.split(" ")[0] for line in done.server.clear]
    assert "TLS" in done.stderr and "clear" in done.stderr


# ---- C22: PBSZ and PROT

def test_C22_PBSZ_refused_is_no_obstacle(secure):
    secure.get(refuse("PBSZ"))


@each("reply", [b"536 Not that level\r\n", b"534 Not by policy\r\n", b"500 Unknown command\r\n"], ids=["536", "534", "500"])
def test_C22_PROT_refused_and_TLS_required(reply, secure):
    failed = secure.fail(10, {"PROT": reply})
    assert reply.decode().strip() in failed.stderr
    assert "RETR" not in failed.verbs


def test_C22_PROT_refused_and_TLS_not_required(secure):
    """The control connection is protected, the data is in clear, and that is said."""
    done = secure.get({"PROT": b"536 Not that level\r\n"}, "--tls=auto")
    secure.assert_private(done.server.clear)
    assert len(done.server.secured) == 1
    assert "536 Not that level" in done.stderr and "clear" in done.stderr


def test_C22_PBSZ_and_PROT_wanted_after_login_only(secure):
    """Some servers want to know first who asks."""
    def after_login(verb):
        def step(session, argument):
            if "PASS" in [line.split(" ")[0] for line in session.commands]:
                getattr(session, verb)(argument)
            else:
                session.send(b"530 Log in first\r\n")
        return step
    done = secure.get({verb: after_login(verb) for verb in ("PBSZ", "PROT")})
    assert len(done.server.secured) == 2


def test_C22_a_server_that_wants_PROT_P(secure):
    """522 for what is not protected: PBSZ and PROT have to come first, in this order."""
    def retr(session, name):
        if session.protected:
            session.RETR(name)
        else:
            session.send(b"522 PROT P first\r\n")
    done = secure.get({"RETR": retr})
    assert done.verbs.index("PBSZ") < done.verbs.index("PROT") < done.verbs.index("RETR")


# ---- C23: implicit TLS

@each("reply", [None, b"500 Unknown command\r\n", b"503 Not now\r\n"], ids=["taken", "500", "503"])
@BOTH
def test_C23_implicit_TLS_with_and_without_PROT(version, reply, secure):
    done = secure.get(refuse("PBSZ", "PROT", reply=reply) if reply else None, tls=secure.tls(implicit=True, version=version))
    assert done.server.clear == [] and "AUTH" not in done.verbs
    assert len(done.server.secured) == 2


# ---- C24: CCC

def test_C24_CCC_is_not_offered(secure, kftp):
    """The kernel cannot take TLS off a socket again, and a password might follow."""
    with ScriptedServer({}, tls=secure.tls()) as server:
        refused = kftp.verb("quote", "--tls=require", f"--ca={secure.certificates.ca}", server.url(), "CCC").assert_failed(2)
        assert "CCC" in refused.stderr
        assert "CCC" not in server.verbs()


# ---- D13, D14: the handshake on the data connection

def handshake_first(session, name):
    """No 1xx before TLS is up."""
    session.data = session.open_data()
    session.send(b"150 Here\r\n")
    session.data.sendall(session.server.files[name])
    session.data.close()
    session.send(b"226 Done\r\n")


def handshake_late(session, name):
    """The 150 first, and a while later TLS."""
    data = session.open_plain_data()
    session.send(b"150 Here\r\n")
    time.sleep(1)
    session.data = session.secure_data(data)
    session.data.sendall(session.server.files[name])
    session.data.close()
    session.send(b"226 Done\r\n")


def all_at_once(session, name):
    """The 150 comes last, with the 226."""
    with session.open_data() as connection:
        connection.sendall(session.server.files[name])
    session.send(b"150 Here it was\r\n226 Done\r\n")


@each("retr", [handshake_first, handshake_late, all_at_once], ids=["first", "late", "last"], quick=3)
@BOTH
def test_D13_TLS_on_the_data_connection_does_not_hold_RETR_back(version, retr, secure):
    secure.get({"RETR": retr}, tls=secure.tls(version=version))


@BOTH
def test_D14_an_empty_upload_over_TLS(version, secure):
    """There is a handshake, and an end that is vouched for, though there is nothing between."""
    done = secure.put(data=b"", tls=secure.tls(version=version))
    control, upload = done.server.secured[:2]
    assert upload.tls.version() and upload.clean


@BOTH
def test_D14_an_empty_download_over_TLS(version, secure):
    secure.get(data=b"", tls=secure.tls(version=version))


# ---- T5: no close_notify

ENDS = each("end", [cut_data, script(pause(0.3), reset_data)], ids=["FIN", "RST"])


@ENDS
@BOTH
def test_T5_an_end_without_close_notify_is_forgiven_if_SIZE_is_known(version, end, secure):
    """All has come, and that is noted."""
    reply = script(say(b"150 Here\r\n"), open_data, send_part(), end, say(b"226 Done\r\n"))
    secure.get({"RETR": reply}, tls=secure.tls(version=version))


@ENDS
@BOTH
def test_T5_an_end_without_close_notify_is_not_forgiven_otherwise(version, end, secure):
    """Anybody on the way may have cut the rest off."""
    reply = script(say(b"150 Here\r\n"), open_data, send_part(0, HALF), end, say(b"226 Done\r\n"))
    secure.get({"RETR": reply}, status=(6, 8, 10), tls=secure.tls(version=version))
    secure.get({**refuse("SIZE"), "RETR": reply}, status=(6, 8, 10), tls=secure.tls(version=version))


def test_T5_a_listing_that_ends_without_close_notify_is_refused(secure):
    """There is no size to compare it with: names might be missing."""
    reply = script(say(b"150 Here\r\n"), data_cut(b"-rw-r--r-- 1 a b 1 Jan  1  2026 file\r\n"), say(b"226 Done\r\n"))
    secure.listing({"LIST": reply}, files={"file": b"x"}, status=(8, 10))


# ---- T6, T7: the end of an upload

@BOTH
def test_T6_an_upload_ends_with_close_notify(version, secure):
    """A server that keeps nothing without it."""
    done = secure.put(tls=secure.tls(version=version))
    assert all(connection.clean for connection in done.server.secured[1:2])


def test_T6_a_server_that_never_says_close_notify_is_not_waited_for(secure):
    """As IIS. The 226 decides."""
    def stor(session, name):
        session.send(b"150 Send it\r\n")
        session.data, got = session.open_data(), b""
        while more := session.data.recv(65536):
            got += more
        session.server.files[session.path(name)] = got
        session.send(b"226 Stored\r\n")
        session.kept = session.data  # open, and silent
    assert secure.put({"STOR": stor}, timeout=30).seconds < 20


@each("size", [5000, 100_000], quick=2)
def test_T7_tickets_are_read_before_the_connection_is_closed(size, secure):
    """A connection that is closed with something unread in it ends with a RST, which makes the server's side forget
    what it has not read yet: the end of the upload. There the tickets come when all has been sent."""
    def stor(session, name):
        session.send(b"150 Send it\r\n")
        session.data, got = session.open_data(), b""
        time.sleep(0.5)
        for number in range(3):
            session.data.put_record(records.HANDSHAKE, records.ticket(number, 200))
        time.sleep(0.5)
        while more := session.data.recv(65536):
            got += more
        session.server.files[session.path(name)] = got
        assert session.data.clean, "the end did not come"
        session.data.close()
        session.send(b"226 Stored\r\n")
    secure.put({"STOR": stor}, data=DATA[:size], tls=secure.tls(version="1.3"))


# ---- T26: silence, and several data connections

def test_T26_TLS_on_several_data_connections(secure):
    """Each resumes the session of its own control connection: the server knows no other."""
    files = {name: DATA[:1000] + name.encode() for name in "abcdef"}
    with ScriptedServer(files, tls=secure.tls()) as server:
        secure.run(server, "get", *(server.url(name) for name in files), secure.target)
        control, *data = server.secured
        assert len(data) == len(files) and all(connection.tls.session_reused for connection in data)
    assert {p.name: p.read_bytes() for p in secure.target.iterdir()} == files


def mute(session, connection):
    """TCP, and nothing more."""
    session.kept = connection
    session.connection = below(session.connection)
    session.hang()
    raise ConnectionResetError


def half_a_hello(session, connection):
    """The beginning of an answer to the ClientHello."""
    connection.recv(4096)
    connection.sendall(b"\x16\x03\x03\x00\x7a\x02\x00\x00\x76\x03\x03" + bytes(20))
    return mute(session, connection)


@each("silence", [mute, half_a_hello], ids=["mute", "half"])
@each("tls", [{}, {"implicit": True}], ids=["explicit", "implicit"])
def test_T26_silence_in_the_handshake_of_the_control_connection_is_a_time_out(tls, silence, secure):
    secure.fail(6, {"TLS": silence}, tls=secure.tls(**tls), timeout=2, bound=20)


def silent_data(silence):
    """The control connection stays as it is, and silent, too."""
    def step(session, connection):
        if silence is half_a_hello:
            connection.recv(4096)
            connection.sendall(b"\x16\x03\x03\x00\x7a\x02\x00\x00\x76\x03\x03" + bytes(20))
        session.kept = connection
        session.hang()
        raise ConnectionResetError
    return step


@each("silence", [mute, half_a_hello], ids=["mute", "half"])
def test_T26_silence_in_the_handshake_of_a_download_is_a_time_out(silence, secure):
    secure.fail(6, {"TLS-DATA": silent_data(silence)}, timeout=2, bound=20)


@each("silence", [mute, half_a_hello], ids=["mute", "half"], quick=1)
def test_T26_silence_in_the_handshake_of_an_upload_is_a_time_out(silence, secure):
    secure.put({"TLS-DATA": silent_data(silence)}, status=6, timeout=2, bound=20)


def test_T26_silence_in_the_handshake_of_a_listing_is_a_time_out(secure):
    secure.listing({"TLS-DATA": silent_data(mute)}, "", "--timeout=2", files={"file": b"x"}, status=6)
