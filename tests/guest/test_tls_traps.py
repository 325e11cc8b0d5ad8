# SPDX-License-Identifier: GPL-2.0-or-later
"""What one falls into with TLS in the kernel and the handshake outside: each test fails without its cure.

The traps: a FIN that is there before the handshake has ended; half a record that looks as if there were something to
read; the end of an upload that takes long to arrive; an end that the server never confirms; replies while a socket is
lent; somebody who keeps the lent descriptor; a process that dies in the middle of a handshake.
"""
import ctypes
import os
import signal
import subprocess
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

import support
from guide import *  # noqa: F401,F403
from network import HERE, NAMESPACE, Network
from servers.certificates import Authority
from servers.records import split
from servers.scripted import DataRefused, ScriptedServer
from servers.tls import Tls, TlsSocket, below
from support import COUNT, LIMIT, SLOWNESS, names, pattern, wait_until

pytestmark = needs_tls

BOTH = each("version", ["1.3", "1.2"], quick=1)
SMALL = DATA[:1500]
SENDING, DONE = say(b"150 Here\r\n"), say(b"226 Done\r\n")


# ---- data, close_notify and FIN are there when the handshake ends

@each("contents", [SMALL, DATA[:40_000]], ids=["small", "more"], quick=1)
def test_all_has_come_before_the_handshake_ends(contents, secure):
    """TCP is in CLOSE_WAIT then, in which a socket takes no TCP_ULP any more."""
    def rushed(session, name):
        session.send(b"150 Here\r\n")
        connection = TlsSocket(session.open_plain_data(), session.tls).rush(session.server.files[name])
        connection.socket.settimeout(10)
        while connection.socket.recv(4096):
            pass
        connection.socket.close()
        session.send(b"226 Done\r\n")
    secure.get({"RETR": rushed}, data=contents, tls=secure.tls(version="1.3"))


def test_all_has_come_before_the_handshake_ends_in_TLS_1_2(secure):
    """Finished, the data and all that follows in one segment."""
    class Corked:
        """Everything after the server's first flight is held back until the end."""

        def __init__(self):
            self.flights, self.held = 0, b""

        def __call__(self, connection, data):
            self.flights += 1
            if self.flights == 1:
                connection.sendall(data)
            else:
                self.held += data

    def corked(session, name):
        session.send(b"150 Here\r\n")
        cork = Corked()
        stranger = Tls(secure.certificates.good, version="1.2").context()  # that knows no session: in a full
        connection = TlsSocket(session.open_plain_data(), stranger, cork).handshake()  # handshake ours is the last word
        connection.sendall(session.server.files[name])
        connection.notify()
        connection.socket.sendall(cork.held)
        connection.socket.close()
        session.send(b"226 Done\r\n")
    secure.get({"RETR": corked}, data=SMALL, tls=secure.tls(version="1.2", resume=False))


# ---- half a record

def cpu_seconds(pid):
    """Of user space and of the kernel."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class HalfRecords:
    """As `wire` of a TlsSocket: once it is armed, a record comes together with the first half of the next one, so that
    there is a reason to look; the other half comes after a long pause."""

    PAUSE = 3

    def __init__(self):
        self.armed, self.held, self.reached = False, b"", threading.Event()

    def __call__(self, connection, data):
        if not self.armed:
            connection.sendall(data)
            return
        if not self.held:
            self.held = data
            return
        self.armed = False
        half = 5 + (len(split(data)[0][0]) - 5) // 2
        connection.sendall(self.held + data[:half])
        self.reached.set()
        time.sleep(self.PAUSE * SLOWNESS)
        connection.sendall(data[half:])


def arm(wire):
    def step(*_):
        wire.armed = True
    return step


def assert_idle(secure, replies, half, **tls):
    """The command sleeps while half a record lies there: to look at it again and again brings nothing. 6.1 says of it
    that there is something to read."""
    with ScriptedServer({"file": DATA}, replies, tls=secure.tls(**tls)) as server:
        running = secure.kftp.start_get("--tls=require", f"--ca={secure.certificates.ca}", "--timeout=60", server.url("file"))
        assert half.reached.wait(LIMIT), f"the server got as far as {server.commands}"
        time.sleep(0.5 * SLOWNESS)
        before = cpu_seconds(running.pid)
        time.sleep(2 * SLOWNESS)
        used = cpu_seconds(running.pid) - before
        running.wait().assert_done()
    assert used < 0.5 * SLOWNESS, f"{used} s of CPU time in 2 s"
    secure.check_got(0, "file", DATA)


@BOTH
def test_half_a_record_of_a_file_is_waited_for_in_sleep(version, secure):
    wire = HalfRecords()
    replies = {"RETR": script(SENDING, open_data, send_part(0, 20_000), arm(wire),
                              lambda session, name: session.data.sendall(session.server.files[name][20_000:]), end_data, DONE)}
    assert_idle(secure, replies, wire, version=version, data_wire=wire)


@each("verb, first", [("SIZE", b"213-The size is\r\n"), ("RETR", b"150-It will\r\n")], ids=["SIZE", "RETR"], quick=2)
@BOTH
def test_half_a_record_of_a_reply_is_waited_for_in_sleep(version, verb, first, secure):
    """On the control connection, while nothing else happens."""
    wire = HalfRecords()
    assert_idle(secure, {verb: script(arm(wire), say(first), do(verb))}, wire, version=version, wire=wire)


# ---- the end of an upload

@pytest.fixture
def slow_link():
    """The command is at the far end of a link of 600 kbit/s, and what it may have on its way takes three seconds."""
    with Network() as network:
        subprocess.run(f"tc -n {NAMESPACE} qdisc add dev there root tbf rate 600kbit burst 16kb latency 60s".split(), check=True)
        subprocess.run(["ip", "netns", "exec", NAMESPACE, "sysctl", "-q", "-w", "net.ipv4.tcp_wmem=4096 16384 262144"], check=True)
        yield network


def test_the_end_of_an_upload_on_a_slow_link_is_not_cut_off(slow_link, secure, tmp_path_factory):
    """The send buffer is full when close_notify and FIN are to follow, and empty long after: the one may not overtake
    the other, and nobody may lose patience between."""
    authority = Authority(tmp_path_factory.mktemp("authority"))
    contents = pattern(500_000)
    source = secure.target / "source"
    source.write_bytes(contents)
    with ScriptedServer({}, tls=Tls(authority.server("far", [HERE]))) as server:
        secure.kftp.verb("put", "--tls=require", f"--ca={authority.path}", "--timeout=30", source, server.url("file", HERE),
                         prefix=["ip", "netns", "exec", NAMESPACE]).assert_done()
        assert server.files == {"file": contents}
        assert server.secured[1].clean


def put_and_time(secure, stor):
    """How long after the 226 the command goes on."""
    waits = []

    def timed(session, name):
        stor(session, name)
        session.send(b"226 Stored\r\n")
        begin = time.monotonic()
        line = session.next_command(30)
        waits.append(time.monotonic() - begin)
        session.answer(*line.split(" ", 1) if " " in line else (line, ""))
    secure.put({"STOR": timed}, timeout=30)
    return waits[0]


def take_all(session, name):
    session.data, got = session.open_data(), b""
    session.send(b"150 Send it\r\n")
    while more := session.data.recv(65536):
        got += more
    session.server.files[session.path(name)] = got


def test_a_226_ends_the_wait_for_close_notify(secure):
    """The server, as IIS, neither says it nor closes the connection: its reply is what counts."""
    # a machine that is busy may let it look so once, or twice
    assert any(put_and_time(secure, take_all) < 1.9 * SLOWNESS for _ in range(5)), "as long as for what may still come"


def take_all_silently(session, name):
    session.data, got = session.open_data(), b""
    while more := session.data.recv(65536):
        got += more
    session.server.files[session.path(name)] = got


# ---- replies while a socket is lent

def test_a_reply_is_seen_while_the_data_connection_is_lent(secure):
    """A 550 in the midst of the handshake: the handshake itself would wait until its time is up."""
    def no_such_file(session, connection):
        session.kept = connection
        time.sleep(0.5)
        raise DataRefused(b"550 No such file, after all\r\n")
    failed = secure.fail(5, {"TLS-DATA": no_such_file}, timeout=60, bound=30)
    assert "550 No such file, after all" in failed.stderr


def test_a_control_connection_that_ends_while_the_data_connection_is_lent(secure):
    """The data might still come, as without TLS; but not for ever."""
    def gone(session, connection):
        session.kept = connection
        time.sleep(0.5)
        session.close()
        raise ConnectionResetError
    secure.fail(6, {"TLS-DATA": gone}, timeout=3, bound=20)


# ---- somebody who keeps the descriptor

PIDFD_OPEN, PIDFD_GETFD = 434, 438
libc = ctypes.CDLL(None, use_errno=True)


def take_sockets(pid):
    """Copies of the process's sockets, as a child has them that it forked in between."""
    taken = []
    pidfd = libc.syscall(PIDFD_OPEN, pid, 0)
    assert pidfd >= 0, os.strerror(ctypes.get_errno())
    for link in Path(f"/proc/{pid}/fd").iterdir():
        try:
            is_socket = os.readlink(link).startswith("socket:")
        except FileNotFoundError:
            continue  # it was closed meanwhile
        if is_socket:
            fd = libc.syscall(PIDFD_GETFD, pidfd, int(link.name), 0)
            assert fd >= 0, os.strerror(ctypes.get_errno())
            taken.append(fd)
    os.close(pidfd)
    return taken


class Stolen:
    """A handshake that waits until somebody has taken the lent descriptor."""

    def __init__(self, shake):
        self.shake, self.reached, self.go_on = shake, threading.Event(), threading.Event()

    def __call__(self, session, connection):
        self.reached.set()
        assert self.go_on.wait(LIMIT)
        return self.shake(session, connection)

    def steal(self, running, server):
        assert self.reached.wait(LIMIT), f"the server got as far as {server.commands}"
        taken = wait_until(lambda: take_sockets(running.pid), "no descriptor was lent")
        self.go_on.set()
        return taken


def secure_data(session, connection):
    return session.secure_data(connection)


@contextmanager
def stolen_from(secure, key, shake, verb, arguments, files, replies):
    """Runs the command; yields the server and what was taken from it, while that is still held."""
    stolen = Stolen(shake)
    with ScriptedServer(files, {**replies, key: stolen}, tls=secure.tls()) as server:
        running = secure.kftp.start_verb(verb, "--tls=require", f"--ca={secure.certificates.ca}", "--timeout=20", *arguments,
                                         server.url("file"))
        taken = stolen.steal(running, server)
        try:
            running.wait().assert_done()
            yield server
            support.unload_module()  # the socket is nothing of the module's
            support.load_module()
        finally:
            for fd in taken:
                os.close(fd)


def test_a_stranger_with_the_descriptor_does_not_keep_a_download_open(secure):
    """The server says 226 only when the client has closed its side."""
    replies = {"RETR": script(SENDING, open_data, send_part(), finish_data, DONE)}
    with stolen_from(secure, "TLS-DATA", secure_data, "get", [], {"file": DATA}, replies):
        pass
    secure.check_got(0, "file", DATA)


def test_a_stranger_with_the_descriptor_does_not_keep_an_upload_open(secure):
    """The server reads up to the FIN."""
    def stor(session, name):
        session.send(b"150 Send it\r\n")
        take_all_silently(session, name)
        while below(session.data).recv(4096):
            pass
        session.data.close()
        session.send(b"226 Stored\r\n")
    source = secure.target / "source"
    source.write_bytes(DATA)
    with stolen_from(secure, "TLS-DATA", secure_data, "put", [source], {}, {"STOR": stor}) as server:
        assert server.files == {"file": DATA}


def test_a_stranger_with_the_descriptor_does_not_keep_the_session_open(secure):
    """Of the control connection: when the command has ended, so has this."""
    ended = threading.Event()

    def quits(session, _):
        session.send(b"221 Bye\r\n")
        below(session.connection).settimeout(20)
        while below(session.connection).recv(4096):
            pass
        ended.set()

    def shake(session, connection):
        return TlsSocket(connection, session.tls).handshake()
    with stolen_from(secure, "TLS", shake, "get", [], {"file": DATA}, {"QUIT": quits}):
        assert ended.wait(20), "the server still sees the connection"
    secure.check_got(0, "file", DATA)


# ---- the end of the process in the middle of a handshake

def mute(session, _):
    pass


def half_a_hello(session, connection):
    connection.recv(4096)
    connection.sendall(b"\x16\x03\x03\x00\x7a\x02\x00\x00\x76\x03\x03" + bytes(20))


class StuckHandshake:
    """Gets as far as that, says so, and stays there."""

    def __init__(self, begin, on_control):
        self.begin, self.on_control, self.reached = begin, on_control, threading.Event()

    def __call__(self, session, connection):
        self.begin(session, connection)
        session.kept = connection
        self.reached.set()
        session.hang() if not self.on_control else below(connection).recv(4096) and below(connection).recv(4096)
        raise ConnectionResetError


HANDSHAKES = each("key, begin", [("TLS", mute), ("TLS-DATA", half_a_hello), ("TLS", half_a_hello), ("TLS-DATA", mute)],
                  ids=["control-mute", "data-half", "control-half", "data-mute"])


@contextmanager
def shaking_hands(secure, key, begin, *options):
    stuck = StuckHandshake(begin, key == "TLS")
    with ScriptedServer({"file": DATA}, {key: stuck}, tls=secure.tls()) as server:
        running = secure.kftp.start_get("--tls=require", f"--ca={secure.certificates.ca}", *options, server.url("file"))
        assert stuck.reached.wait(LIMIT), f"the server got as far as {server.commands}"
        yield server, running


def open_connections(port):
    """Those to that port whose near end still has a socket."""
    lines = Path("/proc/net/tcp").read_text().splitlines()[1:]
    return [line for line in lines if line.split()[2].endswith(f":{port:04X}") and line.split()[3] not in ("06", "04", "05")]


def assert_nothing_left(server, running):
    assert not Path(f"/proc/{running.pid}/fd").exists()
    wait_until(lambda: not open_connections(server.port), "a socket is left", seconds=10)
    support.unload_module()
    support.load_module()


@HANDSHAKES
def test_SIGKILL_in_a_handshake_then_rmmod(key, begin, secure):
    for _ in range(max(1, COUNT // 3)):
        with shaking_hands(secure, key, begin) as (server, running):
            running.signal(signal.SIGKILL)
            running.process.wait(LIMIT)
            assert_nothing_left(server, running)
    assert "file" not in names(secure.target)


@HANDSHAKES
def test_interrupted_in_a_handshake_then_rmmod(key, begin, secure):
    with shaking_hands(secure, key, begin) as (server, running):
        time.sleep(0.3)
        running.signal(signal.SIGINT)
        interrupted = running.wait()
        assert interrupted.status == 130 and interrupted.seconds < BOUND
        assert interrupted.stderr.count("\n") == 1, interrupted.stderr
        assert_nothing_left(server, running)
    assert "file" not in names(secure.target)


@HANDSHAKES
def test_the_daemon_is_stopped_in_a_handshake(key, begin, secure, daemon):
    stuck = StuckHandshake(begin, key == "TLS")
    with ScriptedServer({"file": DATA}, {key: stuck}, tls=secure.tls()) as server:
        daemon.drop("stuck", server.url("file", user=""), f"[Source]\nTLS=require\nCAFile={secure.certificates.ca}\n")
        daemon.start()
        assert stuck.reached.wait(LIMIT), f"the server got as far as {server.commands}"
        time.sleep(0.3)
        status, seconds = daemon.stop()
    assert status == 0 and seconds < 10
    assert daemon.said("stuck: interrupted")
    assert not (daemon.target / "stuck").exists()


@pytest.mark.slow
@each("key, begin", [("TLS", half_a_hello), ("TLS-DATA", mute)], ids=["control", "data"])
def test_the_daemon_gives_a_handshake_up(key, begin, secure, daemon):
    """At the deadline that it has when nobody says another one; the retry finds a server that is well."""
    stuck = StuckHandshake(begin, key == "TLS")
    with ScriptedServer({"file": DATA}, {key: [stuck, USUAL]}, tls=secure.tls()) as server:
        daemon.drop("job", server.url("file", user=""),
                    f"[Source]\nTLS=require\nCAFile={secure.certificates.ca}\n[Job]\nRetries=1\nRetrySec=1s\n")
        daemon.start()
        daemon.wait_for("job: done: 1 file")
        daemon.stop()
    assert (daemon.target / "job").read_bytes() == DATA
