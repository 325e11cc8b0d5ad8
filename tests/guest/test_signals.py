# SPDX-License-Identifier: GPL-2.0-or-later
"""A download goes on after being stopped or traced: RUN is resumable at every point."""
import signal
import subprocess
import time
from pathlib import Path

import pytest

from support import COUNT, same_bytes, sizes_now, wait_until, write_pattern

MIB = 1 << 20
SIZE = 9 * MIB
RATE = 3 * MIB // 2


def largest(target):
    return max(sizes_now(target).values(), default=0)


@pytest.fixture
def moving(slow_server, home, kftp, target):
    """A download of some seconds that has begun to move data."""
    write_pattern(home / "file", SIZE)
    server = slow_server("vsftpd", rate=RATE)
    running = kftp.start_get("--json", server.url("file"))
    wait_until(lambda: largest(target) >= MIB, "no data came")
    return running


def state(pid):
    return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]


def test_a_stopped_download_goes_on(moving, home, target):
    moving.signal(signal.SIGSTOP)
    wait_until(lambda: state(moving.pid) == "T", "it did not stop")
    size = largest(target)
    time.sleep(1)
    assert largest(target) == size, "it went on while it was stopped"
    moving.signal(signal.SIGCONT)
    assert moving.wait().assert_done().json["attempts"] == 1
    assert same_bytes(home / "file", target / "file")


def test_a_download_stopped_again_and_again_goes_on(moving, home, target):
    for _ in range(20 * COUNT):
        if moving.process.poll() is not None:
            break
        moving.signal(signal.SIGSTOP)
        time.sleep(0.01)
        moving.signal(signal.SIGCONT)
        time.sleep(0.02)
    assert moving.wait().assert_done().json["attempts"] == 1
    assert same_bytes(home / "file", target / "file")


def test_strace_can_be_attached_and_detached(moving, home, target, tmp_path):
    trace = tmp_path / "trace"
    strace = subprocess.Popen(["strace", "-f", "-qq", "-o", trace, "-p", str(moving.pid)])
    wait_until(lambda: trace.exists() and trace.stat().st_size > 0, "strace saw nothing", 30)
    strace.send_signal(signal.SIGINT)
    strace.wait(30)
    assert moving.process.poll() is None, "it ended before strace was detached"
    assert moving.wait().assert_done().json["attempts"] == 1
    assert same_bytes(home / "file", target / "file")
    assert "ioctl(" in trace.read_text()


def test_a_download_under_strace_from_its_start(vsftpd, home, kftp, target):
    write_pattern(home / "file", MIB)
    kftp.get(vsftpd.url("file"), prefix=["strace", "-f", "-qq", "-o", "/dev/null"]).assert_done()
    assert same_bytes(home / "file", target / "file")
