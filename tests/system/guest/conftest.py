# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs in the booted guest, as root, with the packages installed and systemd as PID 1."""
import os
import shutil
from pathlib import Path

import pytest

import feed

feed.load_messages(Path(__file__).with_name("catalog-ids.h"))


def pytest_configure(config):
    config.addinivalue_line("markers", "slow: left out by make check, run by make check-slow")


def pytest_collection_modifyitems(config, items):
    """KFTP_SLOW=no leaves the slow tests out, =only leaves the others out, =all none."""
    wanted = {"no": [False], "only": [True], "all": [False, True]}[os.environ.get("KFTP_SLOW", "all")]
    out = [item for item in items if bool(item.get_closest_marker("slow")) not in wanted]
    config.hook.pytest_deselected(items=out)
    items[:] = [item for item in items if item not in out]


@pytest.fixture(scope="session", autouse=True)
def daemon():
    feed.wait_for("kftpd and vsftpd run", lambda: feed.is_active() and feed.is_active("vsftpd"))
    feed.limit_rate(0)


@pytest.fixture(autouse=True)
def target(daemon):
    """A directory for the user kftp, empty for each test; no job is left behind."""
    if feed.TARGET.exists():
        shutil.rmtree(feed.TARGET)
    feed.TARGET.mkdir()
    shutil.chown(feed.TARGET, "kftp", "kftp")
    yield feed.TARGET
    for job in feed.JOBS.glob("*.job"):
        job.unlink()
    feed.limit_rate(0)
