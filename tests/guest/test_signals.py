# SPDX-License-Identifier: GPL-2.0-or-later
"""A download goes on after being stopped or traced: RUN is resumable at every point."""
import signal
import subprocess
import threading
import time
from pathlib import Path

import pytest

from servers.scripted import ScriptedServer
from support import COUNT, LIMIT, pattern, same_bytes, sizes_now, wait_until, write_pattern

MIB = 1 << 20
SIZE = 9 * MIB
PIECE = 1 << 13


def largest(target):
    return max(sizes_now(target).values(), default=0)


class Moving:
    """A download that moves data for 20 s, or until it may end, and is not over before that."""

    def __init__(self, kftp, target):
        self.kftp, self.target, self.data, self.may_end = kftp, target, pattern(SIZE), threading.Event()
        self.server = ScriptedServer({"file": self.data}, {"RETR": self.retrieve})

    def retrieve(self, session, name):
        session.send(b"150 Here\r\n")
        with session.open_data() as data:
            for start in range(0, SIZE - PIECE, PIECE):
                data.sendall(self.data[start:start + PIECE])
                if start > MIB:
                    self.may_end.wait(0.02)
            self.may_end.wait(LIMIT)
            data.sendall(self.data[SIZE - PIECE:])
        session.send(b"226 Done\r\n")

    def start(self):
        self.running = self.kftp.start_get("--json", self.server.url("file"))
        wait_until(lambda: largest(self.target) >= MIB, "no data came")
        self.pid, self.signal = self.running.pid, self.running.signal
        return self

    def end(self):
        self.may_end.set()
        assert self.running.wait().assert_done().json["attempts"] == 1
        assert (self.target / "file").read_bytes() == self.data


@pytest.fixture
def moving(kftp, target):
    """One that has begun to."""
    moving = Moving(kftp, target)
    with moving.server:
        yield moving.start()


def state(pid):
    return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]


def test_a_stopped_download_goes_on(moving, target):
    moving.signal(signal.SIGSTOP)
    wait_until(lambda: state(moving.pid) == "T", "it did not stop")
    size = largest(target)
    time.sleep(1)
    assert largest(target) == size, "it went on while it was stopped"
    moving.signal(signal.SIGCONT)
    moving.end()


def test_a_download_stopped_again_and_again_goes_on(moving):
    for _ in range(20 * COUNT):
        moving.signal(signal.SIGSTOP)
        time.sleep(0.01)
        moving.signal(signal.SIGCONT)
        time.sleep(0.02)
    moving.end()


def test_strace_can_be_attached_and_detached(moving, tmp_path):
    trace = tmp_path / "trace"
    strace = subprocess.Popen(["strace", "-f", "-qq", "-o", trace, "-p", str(moving.pid)])
    wait_until(lambda: trace.exists() and "ioctl(" in trace.read_text(), "strace does not see what is done")
    strace.send_signal(signal.SIGINT)
    strace.wait(LIMIT)
    moving.end()


def test_a_download_under_strace_from_its_start(vsftpd, home, kftp, target):
    write_pattern(home / "file", MIB)
    kftp.get(vsftpd.url("file"), prefix=["strace", "-f", "-qq", "-o", "/dev/null"]).assert_done()
    assert same_bytes(home / "file", target / "file")
