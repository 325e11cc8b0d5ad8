# SPDX-License-Identifier: GPL-2.0-or-later
"""Servers that misbehave around TLS: records that are no data, odd records, broken handshakes. What the FTP guide's rows
say of TLS is in test_guide_tls.py, attackers on the way in test_tls_relay.py, the traps of kernel TLS in
test_tls_traps.py."""
import select
import time

import pytest

from guide import *  # noqa: F401,F403
from servers import records
from servers.records import ALERT, HANDSHAKE
from servers.scripted import DataRefused
from servers.tls import TlsSocket, below, in_pieces
from support import names, pattern

pytestmark = needs_tls

LARGE = pattern(1 << 20)
BOTH = each("version", ["1.3", "1.2"], quick=1)
MODES = each("mode", ["require", "auto"])
#: what came is no record that belongs here
BAD_RECORD = (1, 10)
HERE, DONE = say(b"150 Here\r\n"), say(b"226 Done\r\n")


# ---- records that are no data

def retr(*steps, end=end_data):
    """Half of the file, these steps, the rest."""
    return {"RETR": script(HERE, open_data, send_part(0, len(DATA) // 2), *steps,
                           lambda session, name: session.data.sendall(session.server.files[name][len(DATA) // 2:]), end, DONE)}


def ignoring_errors(*steps):
    """The client may have gone meanwhile."""
    def step(session, argument):
        try:
            script(*steps)(session, argument)
        except OSError:
            pass
    return step


@each("number, name", [(records.INTERNAL_ERROR, "internal"), (records.BAD_RECORD_MAC, "mac")], ids=["80", "20"])
@BOTH
def test_a_fatal_alert_in_the_midst_of_a_download(version, number, name, secure):
    ended = script(HERE, open_data, send_part(0, 5000), put_record(ALERT, records.fatal(number)), cut_data,
                   say(b"426 Broken\r\n"))
    failed = secure.get({"RETR": ended}, status=(6, 10), tls=secure.tls(version=version))
    assert "alert" in failed.stderr or "426" in failed.stderr


@BOTH
def test_a_fatal_alert_in_the_midst_of_an_upload(version, secure):
    ended = ignoring_errors(say(b"150 Send it\r\n"), take(1000), put_record(ALERT, records.fatal(records.INTERNAL_ERROR)),
                            pause(0.2), reset_data, say(b"426 Broken\r\n"))
    secure.put({"STOR": ended}, data=LARGE * 4, status=(6, 10), tls=secure.tls(version=version))


@each("verb", ["PASS", "RETR", "QUIT"], quick=3)
@BOTH
def test_a_fatal_alert_instead_of_a_reply(version, verb, secure):
    ended = script(control_record(ALERT, records.fatal(records.INTERNAL_ERROR)), cut)
    status = {"PASS": 10, "RETR": (6, 10), "QUIT": 0}[verb]  # at RETR the data connection ends, too
    failed = secure.get({verb: ended}, status=status, tls=secure.tls(version=version))
    assert verb != "PASS" or "alert" in failed.stderr


@each("text", [b"500 OOPS: vsf_sysutil_bind, maximum number of attempts\r\n", b"500 OOPS: child died\r\n"], quick=1)
@BOTH
def test_plain_text_instead_of_a_reply(version, text, secure):
    """vsftpd says so when it dies."""
    dies = script(lambda session, _: session.connection.put_raw(text), cut)
    failed = secure.get({"SIZE": dies}, status=BAD_RECORD, tls=secure.tls(version=version))
    assert "TLS" in failed.stderr


@BOTH
def test_plain_text_instead_of_data(version, secure):
    dies = script(HERE, open_data, send_part(0, 5000), put_raw(b"500 OOPS: out of memory\r\n"), cut_data, pause(0.5), cut)
    secure.get({"RETR": dies}, status=BAD_RECORD, tls=secure.tls(version=version))


@each("message", [records.KEY_UPDATE, records.KEY_UPDATE_ASKED], ids=["own", "both"])
def test_new_keys_in_a_download(message, secure):
    """The kernel cannot change keys. Over a new connection it goes on where it was."""
    replies = {"RETR": [ignoring_errors(HERE, open_data, send_part(0, 50_000), put_record(HANDSHAKE, message), pause(0.3), cut_data,
                                        say(b"426 Broken\r\n")), USUAL]}
    failed = secure.get(replies, status=10, tls=secure.tls(version="1.3"))
    assert "key" in failed.stderr


def test_new_keys_in_an_upload(secure):
    replies = {"STOR": ignoring_errors(say(b"150 Send it\r\n"), take(50_000), put_record(HANDSHAKE, records.KEY_UPDATE_ASKED),
                                       pause(1), cut_data, say(b"426 Broken\r\n"))}
    secure.put(replies, data=LARGE * 4, status=(6, 10), tls=secure.tls(version="1.3"))


def test_new_keys_on_the_control_connection(secure):
    replies = {"SIZE": script(control_record(HANDSHAKE, records.KEY_UPDATE), pause(0.3), cut)}
    assert "key" in secure.get(replies, status=10, tls=secure.tls(version="1.3")).stderr


def test_a_HelloRequest_is_ignored(secure):
    """TLS 1.2: the server would like to negotiate anew. It has to bear that nobody does."""
    hello = control_record(HANDSHAKE, records.HELLO_REQUEST)
    replies = {**retr(put_record(HANDSHAKE, records.HELLO_REQUEST)), "SIZE": script(hello, do("SIZE"))}
    secure.get(replies, tls=secure.tls(version="1.2"))


def test_a_renegotiation_without_asking_is_an_error(secure):
    """TLS 1.2: a ServerHello amid the data."""
    secure.get(retr(put_record(HANDSHAKE, b"\x02\0\0\x26\3\3" + bytes(36)), pause(0.3)), status=BAD_RECORD, tls=secure.tls(version="1.2"))


@each("kind", [20, 24, 25, 255], quick=2)
@BOTH
def test_a_record_of_a_kind_that_has_no_place_here(version, kind, secure):
    secure.get({"RETR": ignoring_errors(HERE, open_data, send_part(0, 5000), put_record(kind, b"\1"), pause(0.3), cut_data,
                                        say(b"426 Broken\r\n"))},
               status=BAD_RECORD, tls=secure.tls(version=version))


@each("size", [16, 250, 1000, 16000], quick=3)
def test_tickets_amid_the_data(size, secure):
    """TLS 1.3: more than one in a record, records of them in a row."""
    two = records.ticket(1, min(size, 8000)) + records.ticket(2, min(size, 8000))
    secure.get(retr(*[put_record(HANDSHAKE, records.ticket(i, size)) for i in range(20)], put_record(HANDSHAKE, two)),
               tls=secure.tls(version="1.3"))


def test_tickets_amid_the_replies(secure):
    tickets = [control_record(HANDSHAKE, records.ticket(i, 300)) for i in range(10)]
    replies = {verb: script(*tickets, do(verb)) for verb in ("PASS", "SIZE", "EPSV")}
    secure.get(replies, tls=secure.tls(version="1.3"))


def test_many_tickets_after_the_handshake(secure):
    secure.get(tls=secure.tls(version="1.3", tickets=20))


def test_no_ticket_at_all(secure):
    """Nothing to resume: each handshake is a full one, as with Pure-FTPd."""
    done = secure.get(tls=secure.tls(version="1.3", tickets=0, resume=False))
    assert not any(connection.tls.session_reused for connection in done.server.secured)


def endless(record):
    def step(session, _):
        try:
            while session.open:
                session.data.put_record(*record)
        except OSError:
            pass
    return step


@each("record", [(HANDSHAKE, records.ticket()), (ALERT, b"\1\x5a"), (records.DATA, b"")], ids=["tickets", "warnings", "empty"], quick=3)
def test_control_records_without_end_do_not_hold_it_for_ever(record, secure):
    ended = ignoring_errors(HERE, open_data, send_part(0, 5000), endless(record), cut_data, say(b"426 Broken\r\n"))
    secure.get({"RETR": ended}, status=(6, *BAD_RECORD), bound=30, tls=secure.tls(version="1.3"))


# ---- odd ways to put data into records

def in_records(size, padding=0):
    def step(session, name):
        text = session.server.files[session.path(name)]
        for start in range(0, len(text), size):
            session.data.put_record(records.DATA, text[start:start + size], padding)
    return step


@BOTH
def test_records_of_one_byte(version, secure):
    secure.get({"RETR": script(HERE, open_data, in_records(1), end_data, DONE)}, data=DATA[:3000], tls=secure.tls(version=version))


@BOTH
def test_records_of_all_sizes(version, secure):
    def step(session, name):
        text, start, size = session.server.files[session.path(name)], 0, 1
        while start < len(text):
            session.data.put_record(records.DATA, text[start:start + size])
            start, size = start + size, min(size, 16000) % 9000 * 2 + 1
    secure.get({"RETR": script(HERE, open_data, step, end_data, DONE)}, data=LARGE, tls=secure.tls(version=version))


@BOTH
def test_empty_records_are_no_end(version, secure):
    empty = put_record(records.DATA, b"")
    secure.get({"RETR": script(HERE, open_data, empty, in_records(7000), empty, empty, end_data, DONE)}, tls=secure.tls(version=version))


@each("padding", [1, 200, 9000], quick=3)
def test_padded_records(padding, secure):
    """TLS 1.3 only. A receiver that bets on there being none has to notice."""
    secure.get({"RETR": script(HERE, open_data, in_records(7000, padding), end_data, DONE)}, tls=secure.tls(version="1.3"))


def test_padded_replies(secure):
    def padded(verb, reply):
        return {verb: lambda session, _: session.connection.put_record(records.DATA, reply, 300)}
    secure.get({**padded("SIZE", b"213 %d\r\n" % len(DATA)), **padded("PASS", b"230 Logged in\r\n")}, tls=secure.tls(version="1.3"))


@BOTH
def test_a_record_that_is_too_long(version, secure):
    """More than 2^14 bytes of content, and more than any record may have; whether or not the server says something then."""
    for size, then in ((16384 + 1, pause(1)), (20000, say(b"426 Broken\r\n"))):
        secure.get({"RETR": ignoring_errors(HERE, open_data, put_record(records.DATA, bytes(size)), pause(0.3), cut_data, then)},
                   status=BAD_RECORD, tls=secure.tls(version=version))


@BOTH
def test_a_server_that_sends_byte_by_byte(version, secure):
    """TCP segments of one byte: handshake, replies, data."""
    slowly = in_pieces(1)
    secure.get(data=DATA[:2000], timeout=20, tls=secure.tls(version=version, wire=slowly, data_wire=slowly))


def test_a_reply_in_many_records_and_many_replies_in_one(secure):
    def feat(session, _):
        for byte in b"211-Features:\r\n SIZE\r\n EPSV\r\n211 End\r\n":
            session.connection.put_record(records.DATA, bytes([byte]))

    def retr_at_once(session, name):
        session.data = session.open_data()
        session.data.sendall(session.server.files[name])
        session.data.close()
        session.connection.put_record(records.DATA, b"150 Here\r\n226 Done\r\n")
    secure.get({"FEAT": feat, "RETR": retr_at_once})


# ---- handshakes

def garbage(text):
    def step(session, connection):
        connection.recv(4096)
        connection.sendall(text)
        time.sleep(0.3)
        connection.close()
        raise ConnectionResetError
    return step


@each("text", [b"500 OOPS: cannot load RSA certificate\r\n", b"\x15\x03\x03\x00\x02\x02\x28", b"\x16\x03\x03\xff\xff" + bytes(100), b""],
      ids=["OOPS", "alert", "overlong", "FIN"], quick=4)
@each("tls", [{}, {"implicit": True}], ids=["explicit", "implicit"], quick=1)
@MODES
def test_no_ServerHello_on_the_control_connection(mode, tls, text, secure):
    """Whatever it is; and nothing is said in clear afterwards."""
    if mode == "auto" and tls:
        pytest.skip("ftps:// is not auto")
    failed = secure.fail((6, 10), {"TLS": garbage(text)}, *([f"--tls={mode}"] if not tls else []), tls=secure.tls(**tls))
    assert "USER" not in failed.verbs


@each("text", [b"500 OOPS: no memory\r\n", b"\x15\x03\x03\x00\x02\x02\x28", b""], ids=["OOPS", "alert", "FIN"], quick=3)
def test_no_ServerHello_on_the_data_connection(text, secure):
    """The server's reply says why."""
    def data_garbage(session, connection):
        connection.recv(4096)
        connection.sendall(text)
        connection.close()
        session.send(b"425 Unable to build data connection: error:0A000126\r\n")
        raise ConnectionResetError
    failed = secure.fail((6, 10), {"TLS-DATA": data_garbage})
    assert "425 Unable to build" in failed.stderr


@each("reply", [b"522 SSL connection failed: session reuse required\r\n", b"425 No TLS\r\n", b"550 No such file\r\n",
                b"534 Not with these keys\r\n"], ids=["522", "425", "550", "534"], quick=3)
@each("closed", [True, False], ids=["closed", "open"])
def test_a_reply_while_the_data_connection_shakes_hands(closed, reply, secure):
    """It decides, and at once: nobody waits for a handshake that will not come."""
    def refuse_it(session, connection):
        session.kept = connection
        connection.recv(4096)
        if closed:
            below(connection).close()
        raise DataRefused(reply)
    failed = secure.get({"TLS-DATA": refuse_it}, status=(5, 6, 10), timeout=30)
    assert reply.decode().strip() in failed.stderr
    assert failed.seconds < 20
    assert names(secure.target) == []


def test_a_data_connection_that_is_closed_and_no_reply(secure):
    """The wait for the server's word has an end."""
    def close_it(session, connection):
        connection.recv(4096)
        connection.close()
        session.hang()
        raise ConnectionResetError
    secure.fail((6, 10), {"TLS-DATA": close_it}, timeout=2, bound=20)


def test_a_data_connection_with_another_certificate(certificates, secure):
    """Without a resumed session it is verified like any other: nobody else may take the file's bytes."""
    def other(session, connection):
        return TlsSocket(connection, Tls(certificates.bad["self-signed"]).context()).handshake()
    secure.get({"TLS-DATA": other}, status=(6, 10), tls=secure.tls(resume=False))


# ---- servers that ask for a certificate, and hang up without a word

def at_certificate(end):
    """What the client answers to the server's part of the handshake is there, and not read."""
    def wire(connection, data):
        connection.sendall(data)
        assert select.select([connection], [], [], 30)[0], "no answer"
        raise ConnectionResetError

    def shake(session, connection):
        try:
            TlsSocket(connection, session.tls, wire).handshake()
        finally:
            end(session, "")
    return {"TLS": shake}


def after_handshake(end):
    def shake(session, connection):
        TlsSocket(connection, session.tls).handshake()
        end(session, "")
        raise ConnectionResetError
    return {"TLS": shake}


def at_PBSZ(end):
    return {"PBSZ": end}


def at_USER(end):
    return {"USER": end}


ENDS = each("end", [reset, cut], quick=2)
GIVEN = each("given", [False, True], ids=["none", "given"], quick=2)


@each("moment", [at_certificate, after_handshake, at_PBSZ], quick=3)
@GIVEN
@ENDS
@each("version", ["1.3", "1.2"], quick=2)
def test_hung_up_on_the_certificate(version, end, given, moment, certificates, secure):
    """It is most likely about that, and nothing that passes; whether an alert would have come is for the server to say."""
    ours = [f"--cert={certificates.client.pem}"] if given else []
    failed = secure.fail(10, moment(end), *ours, retries=3, tls=secure.tls(version=version, asks_for=certificates.ca))
    assert len(failed.server.sessions) == 1, "tried again"
    assert ("seems not to accept this one" if given else "--cert=FILE") in failed.stderr


@pytest.mark.parametrize("implicit", [True, False], ids=["implicit", "explicit"])
def test_hung_up_instead_of_the_first_reply(implicit, certificates, secure):
    replies = {"": cut} if implicit else {"PBSZ": cut}
    failed = secure.fail(10, replies, tls=secure.tls(implicit=implicit, asks_for=certificates.ca))
    assert "--cert=FILE" in failed.stderr


@each("moment", [at_USER, lambda end: {"PROT": end}], ids=["USER", "PROT"], quick=2)
@ENDS
def test_hung_up_later_is_not_about_the_certificate(end, moment, certificates, secure):
    """The server has answered after the handshake: it was content. This may pass."""
    failed = secure.fail(6, moment(end), tls=secure.tls(asks_for=certificates.ca))
    assert "certificate" not in failed.stderr


@GIVEN
def test_a_server_that_asks_and_is_content(given, certificates, secure):
    ours = [f"--cert={certificates.client.pem}"] if given else []
    secure.get(None, *ours, tls=secure.tls(asks_for=certificates.ca))
