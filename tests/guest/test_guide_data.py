# SPDX-License-Identifier: GPL-2.0-or-later
"""The FTP guide's rows on opening the data connection, D1 to D17: what a user wants of each."""
import socket
import time

import pytest

from guide import *  # noqa: F401,F403
from servers.scripted import ScriptedServer
from support import names

#: no way left but passive mode, IPv4
PASV_ONLY = refuse("EPSV", "EPRT", "PORT")
PASSIVE_ONLY = refuse("EPRT", "PORT")
ACTIVE_ONLY = refuse("EPSV", "PASV")


def pasv(form, address=b"127,0,0,1"):
    """Answers PASV in this form, of address, and the port's two bytes."""
    def reply(session, _):
        port = session._listen()
        session.send(form % (address, port >> 8, port & 255) + b"\r\n")
    return reply


def epsv(form):
    return lambda session, _: session.send(form % session._listen() + b"\r\n")


def at_port(form, port):
    return lambda session, _: session.send(form % port + b"\r\n")


def closed_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


# ---- D1 to D3: what 227 and 229 look like

@each("form", [
    b"227 Entering Passive Mode (%s,%d,%d)", b"227 Entering Passive Mode. %s,%d,%d", b"227 Data port is %s,%d,%d.",
    b"227 =%s,%d,%d", b"227 %s,%d,%d", b"227 Mode 2 of 3 (%s,%d,%d) chosen", b"227 (%s, %d, %d)",
    b"227-Now\r\n 1,2 and more\r\n227 Passive (%s,%d,%d)",
], ids=["usual", "no-parentheses", "with-text", "equals", "bare", "digits-before", "spaces", "multi-line"])
def test_D1_forms_of_227(form, guide):
    done = guide.get({**PASV_ONLY, "PASV": pasv(form)})
    assert done.verbs.count("PASV") == 1


@each("reply", [
    b"227 (1216,256,2,127,127,0,4)\r\n", b"227 (127,0,0,1,256,1)\r\n", b"227 (127,0,0,1,4)\r\n", b"227 (127,0,0,1,0,0)\r\n",
    b"227 Entering Passive Mode\r\n", b"227\r\n", b"227 (127.0.0.1,4,1)\r\n", b"227 (127,0,0,1,-4,1)\r\n",
], ids=["too-large", "port-too-large", "too-few", "port-0", "none", "empty", "dots", "negative"])
def test_D1_a_227_that_makes_no_sense_is_not_followed(reply, guide):
    failed = guide.fail(1, {**PASV_ONLY, "PASV": reply})
    assert "RETR" not in failed.verbs


@each("address", [b"10,0,0,1", b"192,168,1,1", b"0,0,0,0", b"127,0,0,9", b"224,0,0,1", b"255,255,255,255", b"8,8,8,8"])
def test_D2_the_address_in_a_227_is_not_used(address, guide):
    guide.get({**PASV_ONLY, "PASV": pasv(b"227 Passive (%s,%d,%d)", address)})


def test_D2_no_third_host_is_connected_to(guide):
    """RFC 2577: a server could make its clients attack others. Somebody listens there, at the very port."""
    with socket.create_server(("127.0.0.9", 0)) as third:
        def reply(session, _):
            port = third.getsockname()[1]
            session.passive = socket.create_server(("127.0.0.1", port))
            session.send(b"227 Passive (127,0,0,9,%d,%d)\r\n" % (port >> 8, port & 255))
        guide.get({**PASV_ONLY, "PASV": reply}, host="127.0.0.1")
        third.setblocking(False)
        with pytest.raises(BlockingIOError):
            third.accept()


@each("form", [
    b"229 Extended (|||%d|)", b"229 (!!!%d!)", b"229 OK |||%d|", b"229 |||%d|", b"229 OK (|1|127.0.0.1|%d|)", b"229 OK (|2|::1|%d|)",
    b"229-Now\r\n229-(|||1|)\r\n229 OK (|||%d|)",
], ids=["usual", "delimiter", "no-parentheses", "bare", "CEPR-IPv4", "CEPR-IPv6", "multi-line"])
def test_D3_forms_of_229(form, guide):
    done = guide.get({**refuse("PASV", "EPRT", "PORT"), "EPSV": epsv(form)})
    assert done.verbs.count("EPSV") == 1


@each("reply", [b"229 (|||65536|)\r\n", b"229 (|||99999999999999999999|)\r\n", b"229 (|||0|)\r\n",
                                   b"229 (|||-1|)\r\n", b"229 (||)\r\n", b"229 OK\r\n"],
                         ids=["65536", "huge", "0", "minus-1", "no-port", "nothing"])
def test_D3_a_229_that_makes_no_sense_leads_to_PASV(reply, guide):
    done = guide.get({"EPSV": reply})
    assert done.verbs.count("PASV") == 1 and len(done.server.sessions) == 1


# ---- D4 to D8: from one method to the next, on the same connection, and remembered

def get_two(guide, replies, *options, host="127.0.0.1"):
    """Two files over one session."""
    with ScriptedServer({"a": DATA, "b": DATA[::-1]}, replies) as server:
        done = guide.run(server, "get", *options, server.url("a", host), server.url("b", host), guide.target)
    assert (guide.target / "a").read_bytes() == DATA and (guide.target / "b").read_bytes() == DATA[::-1]
    assert names(guide.target) == ["a", "b"]
    assert len(done.server.sessions) == 1, "there was no reason for another connection"
    return done


@each("reply", [b"500 What?\r\n", b"502 No\r\n", b"522 Wrong protocol\r\n", b"425 Cannot\r\n", b"501 No\r\n"],
                         ids=["500", "502", "522", "425", "501"])
def test_D4_EPSV_refused_means_PASV_for_the_rest_of_the_session(reply, guide):
    done = get_two(guide, {"EPSV": reply})
    assert done.verbs.count("EPSV") == 1 and done.verbs.count("PASV") == 2


def test_D4_a_port_that_refuses_means_PASV_for_the_rest_of_the_session(guide):
    done = get_two(guide, {"EPSV": at_port(b"229 OK (|||%d|)", closed_port())})
    assert done.verbs.count("EPSV") == 1 and done.verbs.count("PASV") == 2


def test_D4_a_port_that_does_not_answer_means_PASV_in_time(guide):
    """As behind a firewall that drops what it does not know."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full:
        waiting = [socket.socket() for _ in range(4)]
        for s in waiting:  # the queue is full: further SYNs are dropped
            s.setblocking(False)
            s.connect_ex(full.getsockname())
        done = guide.get({"EPSV": at_port(b"229 OK (|||%d|)", full.getsockname()[1])}, timeout=SHORT)
        for s in waiting:
            s.close()
    assert done.verbs.count("PASV") == 1


def test_D4_IPv6_has_no_PASV_but_EPRT(guide):
    done = guide.get(refuse("EPSV"), host="[::1]")
    assert "PASV" not in done.verbs and "PORT" not in done.verbs
    assert any(line.startswith("EPRT |2|::1|") for line in done.commands)


@each("reply", [b"500 What?\r\n", b"502 No\r\n"], ids=["500", "502"])
def test_D5_EPSV_unknown_though_MLST_is_known_is_asked_once(reply, guide):
    features = ["SIZE", "MDTM", "REST STREAM", "MLST type*;size*;modify*;"]
    done = guide.get({"EPSV": reply}, features=features)
    assert done.verbs.count("EPSV") <= 1 and done.verbs.count("PASV") == 1
    (guide.target / "file").unlink()
    listed = guide.listing({"EPSV": reply}, files={"file": DATA}, features=features)
    assert listed.names == ["file"] and listed.verbs.count("EPSV") <= 1


def test_D6_EPSV_ALL_is_never_sent(guide):
    """After it a server must refuse PORT, which is what works here."""
    done = guide.get({**refuse("PASV", "EPRT"), "EPSV": at_port(b"229 OK (|||%d|)", closed_port())})
    assert done.commands.count("EPSV") == 1 and "EPSV ALL" not in (line.upper() for line in done.commands)
    assert "PORT" in done.verbs


def test_D7_no_passive_mode_means_active(guide):
    done = get_two(guide, ACTIVE_ONLY)
    assert done.verbs.count("EPSV") == done.verbs.count("PASV") == 1 and done.verbs.count("EPRT") == 2


def test_D7_no_active_mode_means_passive(guide):
    done = get_two(guide, refuse("EPRT", "PORT"), "--active")
    assert done.verbs.count("EPRT") == done.verbs.count("PORT") == 1 and done.verbs.count("EPSV") == 2


def test_D7_when_nothing_works_it_is_said_and_not_repeated(guide):
    failed = guide.get({**PASSIVE_ONLY, **ACTIVE_ONLY}, status=1)
    for verb in ("EPSV", "PASV", "EPRT", "PORT"):
        assert failed.verbs.count(verb) <= 1
    assert "RETR" not in failed.verbs and names(guide.target) == []


@each("reply", [b"500 What?\r\n", b"501 No\r\n", b"522 Use (1)\r\n"], ids=["500", "501", "522"])
def test_D8_EPRT_refused_means_PORT_for_the_rest_of_the_session(reply, guide):
    done = get_two(guide, {"EPRT": reply}, "--active")
    assert done.verbs.count("EPRT") == 1 and done.verbs.count("PORT") == 2


# ---- D9 to D12: who comes, and when

def test_D9_a_stranger_who_dials_in_is_hung_up_on(guide):
    def retr(session, name):
        session.send(b"150 Here\r\n")
        with socket.socket() as stranger:
            stranger.bind(("127.0.0.9", 0))
            try:
                stranger.connect(session.active)
                stranger.sendall(b"forged")
                stranger.settimeout(20)
                assert stranger.recv(1) == b""
            except ConnectionError:
                pass  # hung up on already
        session.send_file(session.server.files[name])
        session.send(b"226 Done\r\n")
    guide.get({"RETR": retr}, "--active")


def test_D9_any_port_of_the_server_will_do(guide):
    def retr(session, name):
        session.send(b"150 Here\r\n")
        with session.open_data(("127.0.0.1", 54321)) as data:
            data.sendall(session.server.files[name])
        session.send(b"226 Done\r\n")
    guide.get({"RETR": retr}, "--active")


def test_D9_nobody_but_a_stranger_comes(guide):
    def retr(session, _):
        session.send(b"150 Here\r\n")
        for _ in range(3):
            with socket.socket() as stranger:
                stranger.bind(("127.0.0.9", 0))
                try:
                    stranger.connect(session.active)
                    stranger.sendall(DATA)
                except ConnectionError:
                    pass
        session.send(b"226 Done\r\n")
        session.hang()
    failed = guide.get({"RETR": retr}, "--active", status=6, timeout=SHORT)
    assert names(guide.target) == [], failed.stderr


@each("first", [b"", b"150 Here\r\n"], ids=["nothing", "150"])
def test_D10_a_server_that_never_connects_is_a_time_out(first, guide):
    guide.fail(6, {"RETR": script(say(first), hang)}, "--active", timeout=SHORT)


@each("reply", [b"425 Cannot open\r\n", b"421 Shutting down\r\n", b"150 Soon\r\n425 Cannot open\r\n"],
                         ids=["425", "421", "150-425"])
@each("mode", ["--active", "--timeout=30"], ids=["active", "passive"])
def test_D10_a_refusal_is_noticed_at_once(reply, mode, guide):
    """Not only when the wait for the connection is over."""
    failed = guide.fail(6, {"RETR": script(say(reply), hang)}, mode, timeout=30, bound=20)
    assert reply.decode().splitlines()[-1] in failed.stderr


@each("mode", ["--active", "--timeout=10"], ids=["active", "passive"])
def test_D11_a_226_that_overtakes_the_data_is_kept(mode, guide):
    early = script(say(b"150 Here\r\n226 Done\r\n"), pause(1), open_data, send_part(0, 10_000), pause(0.5))

    def retr(session, name):
        early(session, name)
        session.data.sendall(session.server.files[name][10_000:])
        session.data.close()
    guide.get({"RETR": retr}, mode, timeout=10)


def test_D11_a_226_before_data_that_is_too_short_is_no_success(guide):
    def retr(session, name):
        session.send(b"150 Here\r\n226 Done\r\n")
        session.send_file(session.server.files[name][:-1])
    guide.get({"RETR": retr}, status=8)


@each("first", [b"150 Here\r\n", b"125 Already open\r\n", b"", b"150 Here\r\n150 Here it is\r\n",
                                   b"150-Here\r\n150 it comes\r\n"],
                         ids=["150", "125", "none", "twice", "multi-line"])
def test_D12_with_whatever_the_data_is_announced(first, guide):
    guide.get({"RETR": script(say(first), data(), say(b"226 Done\r\n"))})


def test_D12_an_empty_file_without_a_data_connection(guide):
    guide.get({"RETR": b"226 It is empty\r\n"}, data=b"")


def test_D12_an_empty_upload_without_a_data_connection(guide):
    def stor(session, name):
        session.server.files[session.path(name)] = b""
        session.send(b"226 It is empty\r\n")
    guide.put({"STOR": stor}, data=b"")


def test_D12_a_2xx_without_data_is_no_success_for_a_file_that_has_some(guide):
    guide.get({"RETR": b"226 Done\r\n"}, status=8)


# ---- D13 to D17: order

def test_D13_the_transfer_command_goes_out_whether_or_not_the_server_has_accepted(guide):
    """Some take the data connection only when they know what for."""
    def retr(session, name):
        time.sleep(0.5)
        session.send(b"150 Here\r\n")
        session.send_file(session.server.files[name])
        session.send(b"226 Done\r\n")
    guide.get({"RETR": retr})


@each("mode", ["--active", "--timeout=10"], ids=["active", "passive"])
def test_D15_nothing_overtakes_the_reply_to_what_opens_the_data_connection(mode, guide):
    done = guide.get(None, mode, delay=0.1, timeout=10)
    assert done.server.overtaking == []


def test_D16_a_failed_RETR_is_followed_by_a_new_EPSV(guide):
    """Some servers still listen at the old port, others do not."""
    with ScriptedServer({"b": DATA}, {"RETR": [b"550 No such file\r\n", USUAL]}) as server:
        done = guide.kftp.run("get", f"--password-file={guide.kftp.password_file}", "--retries=0", "--timeout=5",
                              server.url("a"), server.url("b"), guide.target)
        assert done.status == 3, done.stderr
        verbs = server.verbs()
    assert verbs.count("EPSV") == verbs.count("RETR") == 2
    assert names(guide.target) == ["b"] and (guide.target / "b").read_bytes() == DATA


def test_D17_no_transfer_command_after_a_refused_method(guide):
    """It would run in active mode, to a port of nobody's choosing."""
    failed = guide.fail(1, {**PASSIVE_ONLY, **ACTIVE_ONLY})
    assert "RETR" not in failed.verbs
    done = guide.get({"EPSV": b"421 No\r\n"}, status=6)
    assert "RETR" not in done.verbs
