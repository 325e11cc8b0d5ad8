# SPDX-License-Identifier: GPL-2.0-or-later
"""--limit-rate: how fast data moves, in both directions."""
import signal
import time

import pytest

from servers.scripted import ScriptedServer
from support import pattern

RATE = 100 * 1024
DATA = pattern(3 * RATE)


def assert_rate(seconds_of_transfer):
    """Three seconds' worth of data."""
    assert 3 * 0.95 < seconds_of_transfer < 3 * 1.05


@pytest.fixture
def server():
    with ScriptedServer({"file": DATA}) as server:
        yield server


def test_download(kftp, target, server):
    result = kftp.get("--json", "--limit-rate=100K", server.url("file")).assert_done()
    assert (target / "file").read_bytes() == DATA
    assert_rate(len(DATA) / result.json["rate"])


def test_upload(kftp, target, server):
    (target / "up").write_bytes(DATA)
    result = kftp.verb("put", "--json", "--limit-rate=100K", "up", server.url("up")).assert_done()
    assert server.files["up"] == DATA
    # the last slice is not waited for
    assert 2.7 < len(DATA) / result.json["rate"] < 3.15


def test_stream(kftp, server):
    result = kftp.verb("cat", "--limit-rate=100K", server.url("file")).assert_done()
    assert result.seconds > 2.8


def test_a_limit_that_is_not_reached(kftp, target, server):
    kftp.get("--limit-rate=10G", server.url("file")).assert_done()
    assert (target / "file").read_bytes() == DATA


def test_a_slow_rate_is_interrupted_at_once(kftp, server):
    running = kftp.start_get("--limit-rate=1", "--timeout=1", server.url("file"))
    time.sleep(2.5)  # slower than any deadline, but not stalled
    assert running.process.poll() is None
    running.signal(signal.SIGINT)
    assert running.wait(5).status == 130


def test_a_bad_rate(kftp):
    kftp.get("--limit-rate=fast", "ftp://127.0.0.1:1/file").assert_failed(2)
