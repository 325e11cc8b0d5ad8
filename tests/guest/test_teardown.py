# SPDX-License-Identifier: GPL-2.0-or-later
"""SIGKILL ends a session in whatever state it is, and the module can be removed at once afterwards.

COUNT times (KFTP_COUNT; 100 by `make soak`), each state of the session in turn.
"""
import signal
import socket
import threading
from contextlib import contextmanager
from pathlib import Path

import pytest

import support
from servers.scripted import ScriptedServer
from support import COUNT, pattern, same_bytes, sizes_now, wait_until, write_pattern

MIB = 1 << 20


class Stuck:
    """A script that reaches a point, says so, and stays there."""

    def __init__(self, before=b""):
        self.reached = threading.Event()
        self.before = before

    def __call__(self, session, _):
        if self.before:
            session.send(self.before)
        self.reached.set()
        session.hang()


class StuckInData(Stuck):
    """The data connection is open, `sent` bytes of the file have gone; ended says whether it was closed."""

    def __init__(self, sent, ended=False):
        super().__init__()
        self.sent, self.ended = sent, ended

    def __call__(self, session, name):
        session.send(b"150 Here\r\n")
        data = session.open_data()
        data.sendall(session.server.files[name][:self.sent])
        if self.ended:
            data.close()
        self.reached.set()
        session.hang()


def stuck_at(verb, before=b""):
    return {verb: Stuck(before)}


FILE = pattern(2 * MIB)
#: each state of device.md's session, by what the server does not do
STATES = {
    "greeting": lambda: stuck_at(""),
    "greeting-half": lambda: stuck_at("", b"220-first line\r\n220"),
    "login-user": lambda: stuck_at("USER"),
    "login-password": lambda: stuck_at("PASS"),
    "login-features": lambda: stuck_at("FEAT", b"211-Features:\r\n"),
    "login-type": lambda: stuck_at("TYPE"),
    "command-size": lambda: stuck_at("SIZE"),
    "command-mdtm": lambda: stuck_at("MDTM"),
    "opening-epsv": lambda: stuck_at("EPSV"),
    "transfer-no-reply": lambda: stuck_at("RETR"),
    "transfer-no-data": lambda: {"RETR": StuckInData(0)},
    "transfer-some-data": lambda: {"RETR": StuckInData(MIB + 1)},
    "finishing": lambda: {"RETR": StuckInData(len(FILE), ended=True)},
    "quitting": lambda: stuck_at("QUIT"),
}


@contextmanager
def downloading(kftp, replies, *options):
    """A download that is stuck where replies say; yields it."""
    stuck = next(iter(replies.values()))
    with ScriptedServer({"file": FILE}, replies) as server:
        running = kftp.start_get(*options, server.url("file"))
        assert stuck.reached.wait(support.LIMIT), f"the server got as far as {server.commands}"
        yield running


def kill(running):
    running.signal(signal.SIGKILL)
    running.process.wait(support.LIMIT)


def reload_module():
    """Fails if anything still holds the module."""
    support.unload_module()
    support.load_module()


@pytest.mark.parametrize("state", STATES)
def test_SIGKILL_then_rmmod(state, kftp, target):
    for _ in range(COUNT):
        with downloading(kftp, STATES[state]()) as running:
            kill(running)
            reload_module()
        assert not (target / "file").exists() or state == "quitting"


def test_SIGKILL_while_connecting_then_rmmod(kftp):
    for _ in range(COUNT):
        with socket.create_server(("127.0.0.1", 0), backlog=0) as listener:
            waiting = [socket.socket() for _ in range(4)]
            for s in waiting:  # fill the queue: the download's SYN is dropped
                s.setblocking(False)
                s.connect_ex(listener.getsockname())
            port = listener.getsockname()[1]
            running = kftp.start_get(f"ftp://user@127.0.0.1:{port}/file")
            wait_until(lambda: syn_sent(port) > 4 - 1, "the download does not connect")
            kill(running)
            reload_module()
            for s in waiting:
                s.close()


def syn_sent(port):
    """How many sockets are connecting to that port."""
    lines = Path("/proc/net/tcp").read_text().splitlines()[1:]
    return sum(1 for line in lines if line.split()[2].endswith(f":{port:04X}") and line.split()[3] == "02")


def test_SIGKILL_while_listening_for_an_active_data_connection_then_rmmod(kftp):
    for _ in range(COUNT):
        with downloading(kftp, stuck_at("RETR", b"150 Soon\r\n"), "--active") as running:
            kill(running)
            reload_module()


def test_SIGKILL_while_aborting_then_rmmod(kftp):
    """Ctrl-C first, which the server does not answer."""
    for _ in range(COUNT):
        with downloading(kftp, {"RETR": StuckInData(MIB)}) as running:
            running.signal(signal.SIGINT)
            kill(running)
            reload_module()


def test_SIGKILL_in_a_full_stream_then_rmmod(slow_server, home, kftp, target):
    write_pattern(home / "file", 32 * MIB)
    server = slow_server("vsftpd")
    for _ in range(COUNT):
        running = kftp.start_get(server.url("file"))
        wait_until(lambda: any(size > MIB for size in sizes_now(target).values()) or running.process.poll() is not None, "no data")
        kill(running)
        reload_module()
    kftp.get(server.url("file")).assert_done()
    assert same_bytes(home / "file", target / "file")


def test_the_module_is_in_use_while_a_session_is_open(kftp):
    with downloading(kftp, stuck_at("USER")) as running:
        assert Path("/sys/module/kftp/refcnt").read_text().strip() != "0"
        kill(running)
    assert Path("/sys/module/kftp/refcnt").read_text().strip() == "0"
