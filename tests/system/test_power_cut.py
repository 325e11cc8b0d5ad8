# SPDX-License-Identifier: GPL-2.0-or-later
"""A power cut in mid-transfer: the guest is killed, its disk kept, and booted again."""
import os
import shutil
import signal
import subprocess
import time

import pytest

from conftest import CHECKOUT, HERE, SYSTEM, call


@pytest.fixture
def disk():
    path = SYSTEM / "power-cut-image"
    call("cp", "--sparse=always", SYSTEM / "image", path)
    yield path
    path.unlink()


def share(name, command):
    path = SYSTEM / name
    shutil.rmtree(path, ignore_errors=True)
    shutil.copytree(HERE / "guest", path)
    shutil.copy(CHECKOUT / "userspace/kftpd/catalog-ids.h", path)
    (path / "cmd").write_text(f"/usr/bin/python3 -B -u {command}\n")
    return path


def boot(disk, path):
    command = [CHECKOUT / "tests/vm/boot", "-q", "-w", "-S", "-k", SYSTEM / "kernel", "-d", disk, "-t", "300", path]
    return subprocess.Popen([str(c) for c in command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                            stderr=subprocess.STDOUT, text=True)


def wait_for_mark(guest, log, mark):
    while guest.poll() is None:
        if log.exists() and mark in log.read_text(errors="replace"):
            return
        time.sleep(0.1)
    pytest.fail(f"the guest ended before it said '{mark}':\n{log.read_text()}\n{guest.stdout.read()}", pytrace=False)


def test_power_cut_in_mid_transfer(disk):
    before = share("share-before-cut", "power_cut.py begin")
    guest = boot(disk, before)
    wait_for_mark(guest, before / "log", "cut now")
    os.kill(int((before / "qemu.pid").read_text()), signal.SIGKILL)
    guest.communicate(timeout=60)
    assert not (before / "rc").exists(), "it was a power cut, not an end"

    after = share("share-after-cut", "power_cut.py end")
    guest = boot(disk, after)
    said, _ = guest.communicate(timeout=400)
    log = (after / "log").read_text()
    assert guest.returncode == 0, f"{said}\n{log}"
    assert "resumed at " in log
