# SPDX-License-Identifier: GPL-2.0-or-later
"""Proxies that answer oddly, badly, slowly or not at all. Those that work are in test_proxy.py."""
import os
import signal
import socket
import struct
import threading
import time

import pytest

from servers.scripted import ScriptedServer
from support import names, pattern, wait_until

DATA = pattern(100_000)
#: seconds; what waits as long as it may has failed long before
BOUND = 40
OK = b"HTTP/1.1 200 Connection established\r\n\r\n"


class ScriptedProxy:
    """act(connection, number) is called for each connection, in a thread of its own."""

    def __init__(self, act, host="127.0.0.1"):
        self.act, self.count, self.open = act, 0, []
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.listener = socket.create_server((host, 0), family=family)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.listener.close()
        for connection in self.open:
            connection.close()

    def accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self.count += 1
            self.open.append(connection)
            threading.Thread(target=self.serve, args=(connection, self.count), daemon=True).start()

    def serve(self, connection, number):
        try:
            self.act(connection, number)
        except (OSError, AssertionError):
            connection.close()


def read_header(connection):
    header = b""
    while not header.endswith(b"\r\n\r\n"):
        byte = connection.recv(1)
        assert byte
        header += byte
    return header


def asked_for(header):
    host, _, port = header.split()[1].decode().rpartition(":")
    return host.strip("[]"), int(port)


def relay(a, b, limit=None):
    """Bytes in both directions, until either side ends; limit: so many from b, then a reset."""
    def pump(source, sink):
        try:
            while data := source.recv(65536):
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            pass
    threading.Thread(target=pump, args=(a, b), daemon=True).start()
    if limit is None:
        pump(b, a)
        return
    while limit > 0:
        data = b.recv(min(limit, 65536))
        a.sendall(data)
        limit -= len(data)
    a.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    a.close()


def tunnel(answer=OK):
    """A proxy that does what it should, in its own words."""
    def act(connection, _):
        with socket.create_connection(asked_for(read_header(connection))) as server:
            connection.sendall(answer)
            relay(connection, server)
    return act


@pytest.fixture
def server():
    with ScriptedServer({"file": DATA}, host="127.0.0.1") as server:
        yield server


#: seconds: SHORT for those who wait in vain
TIMEOUT, SHORT = 10, 2


def get(kftp, proxy, server, *options, scheme="http", timeout=TIMEOUT, **keywords):
    return kftp.get(f"--timeout={timeout}", f"--proxy={scheme}://127.0.0.1:{proxy.port}", *options, server.url("file"), **keywords)


# ---- well-behaved, but not as the others

@pytest.mark.parametrize("answer", [
    b"HTTP/1.0 200 OK\nVia: me\n\n",
    b"HTTP/1.1 100 Wait\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n",
    b"HTTP/1.1 200 " + b"x" * 8000 + b"\r\n\r\n",
], ids=["bare LF", "100 first", "long"])
def test_answers_that_are_good_enough(kftp, target, server, answer):
    with ScriptedProxy(tunnel(answer)) as proxy:
        get(kftp, proxy, server).assert_done()
    assert (target / "file").read_bytes() == DATA


def test_the_greeting_in_one_segment_with_the_answer(kftp, target, server):
    """Not a byte of it belongs to the proxy's handshake."""
    def act(connection, _):
        with socket.create_connection(asked_for(read_header(connection))) as ftp:
            first = b""
            if ftp.getpeername()[1] == server.port:
                first = ftp.recv(4096)
            connection.sendall(OK + first)
            relay(connection, ftp)

    with ScriptedProxy(act) as proxy:
        get(kftp, proxy, server).assert_done()
    assert (target / "file").read_bytes() == DATA


def test_answers_byte_by_byte(kftp, target, server):
    def act(connection, _):
        with socket.create_connection(asked_for(read_header(connection))) as ftp:
            for i in range(len(OK)):
                connection.sendall(OK[i:i + 1])
                time.sleep(0.005)
            relay(connection, ftp)

    with ScriptedProxy(act) as proxy:
        get(kftp, proxy, server).assert_done()
    assert (target / "file").read_bytes() == DATA


def test_every_address_of_the_proxy_is_tried(kftp, target, server):
    with open("/etc/hosts", "a") as hosts:
        hosts.write("::1 proxy.test\n127.0.0.1 proxy.test\n")
    with ScriptedProxy(tunnel()) as proxy:
        kftp.get(f"--proxy=http://proxy.test:{proxy.port}", server.url("file")).assert_done()
    assert (target / "file").read_bytes() == DATA


def test_an_IPv6_proxy_to_an_IPv4_server(kftp, target, server):
    with ScriptedProxy(tunnel(), "::1") as proxy:
        kftp.get(f"--proxy=http://[::1]:{proxy.port}", server.url("file")).assert_done()
    assert (target / "file").read_bytes() == DATA


# ---- not well-behaved

def say(answer, close=True):
    def act(connection, _):
        connection.recv(1 if not close else 4096)
        connection.sendall(answer)
        if close:
            connection.shutdown(socket.SHUT_WR)
            connection.recv(4096)
        else:
            time.sleep(60)
    return act


@pytest.mark.parametrize("scheme, answer, status, words", [
    ("http", b"HTTP/1.1 403 No\x1b]0;title\x07 way\r\n\r\n", 6, "403 No\\x1b]0;title\\x07 way"),
    ("http", b"HTTP/1.1 407 Who?\r\nProxy-Authenticate: Basic\r\n\r\n", 4, "--proxy-password-file"),
    ("http", b"HTTP/1.1 503 Later\r\n\r\n", 6, "503 Later"),
    ("http", b"220 I am an FTP server\r\n", 6, "does not speak HTTP"),
    ("http", b"\x05\xff", 6, "has closed the connection"),
    ("http", b"HTTP/1.1 200 OK\r\nA: b\r\n", 6, "has closed the connection"),
    ("http", b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 10_000, 6, "no end"),
    ("http", b"", 6, "has closed the connection"),
    ("socks5", b"\x05\xff", 4, "wants a login"),
    ("socks5", b"\x05\x00\x05\x02\x00\x01\x00\x00\x00\x00\x00\x00", 6, "not allowed by its rules"),
    ("socks5", b"\x05\x00\x05\x05\x00\x01\x00\x00\x00\x00\x00\x00", 6, "connection refused"),
    ("socks5", b"\x05\x00\x05\x00\x00\x03\xffshort", 6, "has closed the connection"),
    ("socks5", b"HTTP/1.1 400 What?\r\n\r\n", 6, "may be an HTTP proxy"),
    ("socks5", b"", 6, "has closed the connection"),
], ids=lambda value: None if isinstance(value, (bytes, int)) else value)
def test_refusals_and_rubbish(kftp, target, server, scheme, answer, status, words):
    with ScriptedProxy(say(answer)) as proxy:
        failed = get(kftp, proxy, server, scheme=scheme).assert_failed(status)
        assert f"{scheme}://127.0.0.1:{proxy.port}" in failed.stderr
    assert words in failed.stderr
    assert server.commands == []
    assert names(target) == []


def drip(answer):
    def act(connection, _):
        while True:
            for i in range(len(answer)):
                connection.sendall(answer[i:i + 1])
                time.sleep(0.3)
    return act


@pytest.mark.parametrize("scheme, act", [
    ("http", lambda connection, _: time.sleep(60)),
    ("http", drip(b"HTTP/1.1 200 OK\r\nX: ")),
    ("socks5", lambda connection, _: time.sleep(60)),
    ("socks5", drip(b"\x05\x00\x05\x00\x00\x03\xff")),
], ids=["silent HTTP", "dripping HTTP", "silent SOCKS", "dripping SOCKS"])
def test_slow_for_ever(kftp, target, server, scheme, act):
    with ScriptedProxy(act) as proxy:
        failed = get(kftp, proxy, server, scheme=scheme, timeout=SHORT).assert_failed(6)
    assert "does not answer in time" in failed.stderr
    assert failed.seconds < BOUND


def test_interrupted(kftp, target, server):
    with ScriptedProxy(lambda connection, _: time.sleep(60)) as proxy:
        running = kftp.start_get("--timeout=60", f"--proxy=socks5://127.0.0.1:{proxy.port}", server.url("file"))
        wait_until(lambda: proxy.count, "the proxy was not asked")
        running.signal(signal.SIGINT)
        assert running.wait().status == 130


def test_no_proxy_there(kftp, server):
    with ScriptedProxy(tunnel()) as proxy:
        pass
    failed = get(kftp, proxy, server).assert_failed(6)
    assert "cannot connect to the proxy" in failed.stderr


# ---- the data connections only

def data_otherwise(otherwise):
    """The control connection as it should be, the others not."""
    def act(connection, number):
        if number == 1:
            tunnel()(connection, number)
        else:
            otherwise(connection, number)
    return act


@pytest.mark.parametrize("otherwise", [
    say(b"HTTP/1.1 403 Port not allowed\r\n\r\n"),
    say(b""),
    lambda connection, _: time.sleep(60),
], ids=["refused", "closed", "silent"])
def test_no_data_connection(kftp, target, server, otherwise):
    with ScriptedProxy(data_otherwise(otherwise)) as proxy:
        failed = get(kftp, proxy, server, timeout=SHORT).assert_failed(6)
    assert f"no data connection to 127.0.0.1:{server.port}" in failed.stderr
    assert "--active" not in failed.stderr
    assert failed.seconds < BOUND
    assert names(target) == []
    assert "EPRT" not in server.verbs() and "PORT" not in server.verbs()


def test_the_other_method_after_a_refusal(kftp, target, server):
    def act(connection, number):
        (say(b"HTTP/1.1 502 Not now\r\n\r\n") if number == 2 else tunnel())(connection, number)

    with ScriptedProxy(act) as proxy:
        get(kftp, proxy, server).assert_done()
    assert server.verbs().count("EPSV") == 1 and server.verbs().count("PASV") == 1
    assert (target / "file").read_bytes() == DATA


def test_data_that_breaks_off_is_gone_on_with(kftp, target, server):
    def act(connection, number):
        if number != 2:
            tunnel()(connection, number)
            return
        with socket.create_connection(asked_for(read_header(connection))) as ftp:
            connection.sendall(OK)
            relay(connection, ftp, limit=50_000)

    with ScriptedProxy(act) as proxy:
        get(kftp, proxy, server, retries=2).assert_done()
    assert (target / "file").read_bytes() == DATA


# ---- who is asked at all

def test_active_data_connections_are_refused(kftp, server):
    with ScriptedProxy(tunnel()) as proxy:
        failed = get(kftp, proxy, server, "--active").assert_failed(2)
    assert "--active" in failed.stderr
    assert proxy.count == 0


def test_a_password_in_the_url(kftp, server):
    failed = kftp.get("--proxy=http://me:hidden@127.0.0.1:1", server.url("file")).assert_failed(2)
    assert "hidden" not in failed.stderr and "--proxy-password-file" in failed.stderr


def test_the_environment(kftp, target, server):
    with ScriptedProxy(tunnel()) as proxy:
        env = {**os.environ, "ftp_proxy": f"http://127.0.0.1:{proxy.port}"}
        kftp.get(server.url("file"), env=env).assert_done()
        assert proxy.count == 2
        kftp.get(server.url("file"), env={**env, "no_proxy": "127.0.0.0/8"}).assert_done()
        kftp.get("--proxy=", server.url("file"), env=env).assert_done()
        assert proxy.count == 2
