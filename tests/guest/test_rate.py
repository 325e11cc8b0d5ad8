# SPDX-License-Identifier: GPL-2.0-or-later
"""--limit-rate: how fast data moves at most, in both directions. How exactly, test-stream-parts.c has with a clock of
its own: a busy machine only makes it slower."""
import signal
import time

import pytest

from servers.scripted import ScriptedServer
from support import pattern

RATE = 100 * 1024
DATA = pattern(2 * RATE)
#: that much takes so long, give or take one slice of 0.1 s
LEAST = 1.85


@pytest.fixture
def server():
    with ScriptedServer({"file": DATA}) as server:
        yield server


def test_download(kftp, target, server):
    result = kftp.get("--json", "--limit-rate=100K", server.url("file")).assert_done()
    assert (target / "file").read_bytes() == DATA
    assert len(DATA) / result.json["rate"] > LEAST


def test_upload(kftp, target, server):
    (target / "up").write_bytes(DATA)
    result = kftp.verb("put", "--json", "--limit-rate=100K", "up", server.url("up")).assert_done()
    assert server.files["up"] == DATA
    assert len(DATA) / result.json["rate"] > LEAST


def test_stream(kftp, server):
    result = kftp.verb("cat", "--limit-rate=100K", server.url("file")).assert_done()
    assert result.seconds > LEAST


def test_a_limit_that_is_not_reached(kftp, target, server):
    kftp.get("--limit-rate=10G", server.url("file")).assert_done()
    assert (target / "file").read_bytes() == DATA


def test_a_slow_rate_is_interrupted_at_once(kftp, server):
    running = kftp.start_get("--limit-rate=1", "--timeout=3", server.url("file"))
    time.sleep(4)  # slower than any deadline, but not stalled
    assert running.process.poll() is None
    running.signal(signal.SIGINT)
    assert running.wait().status == 130


def test_a_bad_rate(kftp):
    kftp.get("--limit-rate=fast", "ftp://127.0.0.1:1/file").assert_failed(2)
