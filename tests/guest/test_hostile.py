# SPDX-License-Identifier: GPL-2.0-or-later
"""Servers that are slow, silent, odd or hostile: the exit status, a bound on the time, nothing wrong on disk."""
import os
import re
import socket
import time
from pathlib import Path

import pytest

from servers.scripted import ScriptedServer
from support import names, pattern

MIB = 1 << 20
#: seconds: of a wait in vain. It must not last much longer, whatever the machine's load
TIMEOUT = 2
#: of others, in which what is waited for comes
PATIENCE = 10
BOUND = 30


def hang(session, _):
    session.hang()


def reset(session, _):
    session.reset()


def dripping(data):
    return lambda session, _: session.drip(data, 0.3)


@pytest.fixture
def failing(kftp, target):
    """fails(STATUS, FILES, REPLIES): the download fails so, in bounded time, and leaves nothing behind."""
    def fails(status, files, replies, remains=False, timeout=PATIENCE):
        with ScriptedServer(files, replies) as server:
            result = kftp.get(f"--timeout={timeout}", server.url("file")).assert_failed(status)
            assert result.seconds < BOUND
            assert "file" not in names(target)
            assert remains or names(target) == []
            assert f"127.0.0.1:{server.port}" in result.stderr
            result.commands = server.commands
        return result
    return fails


@pytest.mark.parametrize("verb", ["", "USER", "PASS", "TYPE", "RETR"])
def test_silence_instead_of_a_reply_is_a_time_out(verb, failing):
    failing(6, {"file": b"data"}, {verb: hang}, timeout=TIMEOUT)


@pytest.mark.parametrize("verb", ["", "USER", "PASS", "RETR"])
def test_a_reply_that_drips_for_ever_is_a_time_out(verb, failing):
    failing(6, {"file": b"data"}, {verb: dripping(b"220-x\r\n")}, timeout=TIMEOUT)


@pytest.mark.parametrize("verb", ["", "USER", "PASS", "TYPE", "RETR"])
def test_a_control_connection_that_is_reset(verb, failing):
    failing(6, {"file": b"data"}, {verb: reset})


def test_a_data_connection_that_brings_nothing_is_a_time_out(failing):
    def retr(session, _):
        session.send(b"150 Soon\r\n")
        session.open_data()
        session.hang()
    failing(6, {"file": b"data"}, {"RETR": retr}, timeout=TIMEOUT)


def test_a_data_connection_that_stalls_in_the_middle_is_a_time_out(failing):
    def retr(session, name):
        session.send(b"150 Soon\r\n")
        session.open_data().sendall(session.server.files[name][:MIB])
        session.hang()
    failing(6, {"file": pattern(2 * MIB)}, {"RETR": retr}, remains=True, timeout=TIMEOUT)


def test_a_data_connection_that_is_never_accepted(failing):
    def blocked_port(session):
        blocked = socket.create_server(("127.0.0.1", 0), backlog=0)
        session.kept = [blocked] + [socket.socket() for _ in range(4)]
        for s in session.kept[1:]:  # fill the queue: further SYNs are dropped
            s.setblocking(False)
            s.connect_ex(blocked.getsockname())
        return blocked.getsockname()[1]

    def epsv(session, _):
        session.send(b"229 Passive (|||%d|)\r\n" % blocked_port(session))

    def pasv(session, _):
        session.send(b"227 Passive (127,0,0,1,%d,%d)\r\n" % divmod(blocked_port(session), 256))
    failing(6, {"file": b"data"}, {"EPSV": epsv, "PASV": pasv, "EPRT": b"502 No\r\n", "PORT": b"502 No\r\n"},
            timeout=TIMEOUT)


def test_slow_but_moving_data_succeeds(kftp, target):
    def retr(session, name):
        session.send(b"150 Slowly\r\n")
        with session.open_data() as data:
            for byte in session.server.files[name]:
                data.sendall(bytes([byte]))
                time.sleep(0.5)
        session.send(b"226 Done\r\n")
    with ScriptedServer({"file": b"0123456789"}, {"RETR": retr}) as server:
        done = kftp.get("--timeout=4", server.url("file")).assert_done()
    assert done.seconds > 4
    assert (target / "file").read_bytes() == b"0123456789"


@pytest.mark.parametrize("sent", [b"dat", b"data and more", b""], ids=["shorter", "longer", "empty"])
def test_a_file_that_is_not_as_long_as_SIZE_said_is_not_done(sent, failing):
    def retr(session, _):
        session.send(b"150 Here\r\n")
        session.send_file(sent)
        session.send(b"226 Done\r\n")
    failing(8, {"file": b"data"}, {"RETR": retr})


def test_a_data_connection_that_is_reset_is_not_an_end_of_file(failing):
    def retr(session, name):
        session.send(b"150 Here\r\n")
        data = session.open_data()
        data.sendall(session.server.files[name])
        data.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        data.close()
        session.send(b"426 Broken\r\n")
    failing(6, {"file": pattern(MIB)}, {"RETR": retr, "SIZE": b"502 No\r\n"}, remains=True)


@pytest.mark.parametrize("reply", [b"426 Broken\r\n", b"451 Disk error\r\n"], ids=["426", "451"])
def test_a_file_that_ended_with_a_failure_reply_is_not_done(reply, kftp, target):
    def retr(session, name):
        session.send(b"150 Here\r\n")
        session.send_file(session.server.files[name][:10])
        session.send(reply)
    replies = {"RETR": retr, "SIZE": b"502 No\r\n", "MDTM": b"502 No\r\n"}
    with ScriptedServer({"file": b"x" * 100}, replies) as server:
        result = kftp.get(server.url("file"))
    assert result.status != 0
    assert "file" not in names(target)


def test_a_server_without_SIZE_MDTM_EPSV_FEAT(kftp, target):
    replies = {verb: b"500 Unknown\r\n" for verb in ("SIZE", "MDTM", "EPSV", "FEAT", "OPTS", "EPRT")}
    data = pattern(MIB)
    with ScriptedServer({"file": data}, replies) as server:
        kftp.get(server.url("file")).assert_done()
    assert (target / "file").read_bytes() == data


def test_the_address_in_a_227_is_not_followed(kftp, target):
    """A server may not send its clients to a third host (RFC 2577)."""
    with socket.create_server(("127.0.0.9", 0)) as third:
        def pasv(session, _):
            port = session._listen()
            session.send(b"227 Passive (127,0,0,9,%d,%d)\r\n" % (port >> 8, port & 255))
        with ScriptedServer({"file": b"data"}, {"EPSV": b"502 No\r\n", "PASV": pasv}) as server:
            kftp.get(server.url("file")).assert_done()
        third.setblocking(False)
        with pytest.raises(BlockingIOError):
            third.accept()
    assert (target / "file").read_bytes() == b"data"


def test_active_mode_accepts_the_server_only(kftp, target):
    """Whoever connects first from elsewhere neither gives the file nor stops it."""
    def retr(session, name):
        session.send(b"150 Here\r\n")
        stranger = socket.socket()
        stranger.bind(("127.0.0.9", 0))
        try:
            stranger.connect(session.active)
            stranger.sendall(b"forged")
        except ConnectionResetError:
            pass  # refused already: all the better
        time.sleep(0.5)
        session.send_file(session.server.files[name])
        session.send(b"226 Done\r\n")
        stranger.close()
    with ScriptedServer({"file": b"genuine"}, {"RETR": retr}) as server:
        kftp.get("--active", server.url("file")).assert_done()
    assert (target / "file").read_bytes() == b"genuine"


def test_control_bytes_of_the_server_do_not_reach_the_terminal(failing):
    failed = failing(5, {}, {"RETR": b"550 \x1b[31mred\x07\x9b\xff no\r\n", "SIZE": b"550 no\r\n"})
    assert "\x1b" not in failed.stderr
    assert "red" in failed.stderr or "no" in failed.stderr


@pytest.mark.parametrize("reply", [
    b"220 " + b"x" * 100000,
    b"220-" + b"y" * 200 + b"\r\n",
    b"2\x0020 hello\r\n",
    b"\xff\xfe\xfd\xfc" * 1000 + b"\r\n",
    b"hello there\r\n",
    b"999 what\r\n",
    b"SSH-2.0-OpenSSH_9.2p1\r\n",
], ids=["endless-line", "endless-reply", "NUL", "telnet", "no-code", "unknown-code", "ssh"])
def test_a_greeting_that_is_no_FTP(reply, kftp, target):
    def greet(session, _):
        for _ in range(1000):
            session.send(reply)
    with ScriptedServer({"file": b"data"}, {"": greet}) as server:
        result = kftp.get(f"--timeout={TIMEOUT}", server.url("file"))
    assert result.status in (1, 6)
    assert result.stderr.count("\n") == 1
    assert result.seconds < BOUND
    assert names(target) == []


@pytest.mark.parametrize("reply", [
    b"229 Passive (|||0|)\r\n", b"229 Passive (|||65536|)\r\n", b"229 Passive (|||-1|)\r\n",
    b"229 Passive (|||99999999999999999999|)\r\n", b"229 Passive\r\n", b"229 Passive (|||22|)\r\n",
], ids=["port-0", "port-65536", "port-minus-1", "port-huge", "no-port", "port-22"])
def test_a_229_that_makes_no_sense_harms_nothing(reply, kftp, target):
    """No way of opening a data connection is left, so the download fails, and in time."""
    replies = {verb: b"502 No\r\n" for verb in ("PASV", "EPRT", "PORT")}
    with ScriptedServer({"file": b"data"}, dict(replies, EPSV=reply)) as server:
        result = kftp.get(f"--timeout={TIMEOUT}", server.url("file"))
    assert result.status in (1, 5, 6)
    assert result.stderr.count("\n") == 1
    assert result.seconds < BOUND
    assert names(target) == []


def test_more_data_than_was_announced_does_not_fill_the_disk(kftp, target):
    """The server sends for ever what it said has 4 bytes."""
    def retr(session, _):
        session.send(b"150 Here\r\n")
        with session.open_data() as data:
            while session.open:
                data.sendall(bytes(MIB))
    with ScriptedServer({"file": b"data"}, {"RETR": retr}) as server:
        running = kftp.start_get(f"--timeout={PATIENCE}", server.url("file"))
        result = running.wait(BOUND).assert_failed(8)
    assert names(target) == []
    assert result.seconds < BOUND


def test_memory_is_bounded_whatever_the_server_says(kftp):
    """A greeting of 64 MB that has no end."""
    def greet(session, _):
        for _ in range(64):
            session.send((b"220-" + b"z" * 1000 + b"\r\n") * 1000)
    # it stays for a second when it is done, so that there is time to look
    stay = ["strace", "-D", "-qq", "-o", "/dev/null", "-e", "inject=exit_group:delay_enter=1000000"]
    with ScriptedServer({"file": b"data"}, {"": greet}) as server:
        running = kftp.start_get(f"--timeout={PATIENCE}", server.url("file"), prefix=stay)
        peak = 0
        while running.process.poll() is None:
            peak = max(peak, resident_peak(running.pid))
            time.sleep(0.02)
    assert running.process.returncode in (1, 6)
    assert 0 < peak < 32 * 1024


def resident_peak(pid):
    """In KiB, since exec; before it, and to getrusage, the memory is the test's own."""
    try:
        if Path(os.readlink(f"/proc/{pid}/exe")).name != "kftp":
            return 0
        found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    except OSError:
        return 0
    return int(found[1]) if found else 0
