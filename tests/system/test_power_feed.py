# SPDX-License-Identifier: GPL-2.0-or-later
"""The power is cut at random moments while a feed is emptied: the guest is killed, its disk kept, and booted again."""
import os
import random
import signal
import time

from conftest import call
from test_power_cut import boot, disk, share, wait_for_mark  # noqa: F401 (a fixture)

#: how often; make soak raises it
CUTS = int(os.environ.get("KFTP_COUNT", "3"))
#: of them on one disk: then the feed is empty, and another one begins
CUTS_A_FEED = 3


def cut(disk, name, verb, seconds):  # noqa: F811
    path = share(name, f"power_feed.py {verb}")
    guest = boot(disk, path)
    wait_for_mark(guest, path / "log", "the feed runs")
    time.sleep(seconds)
    os.kill(int((path / "qemu.pid").read_text()), signal.SIGKILL)
    guest.communicate(timeout=60)
    assert not (path / "rc").exists(), "it was a power cut, not an end"


def test_power_cuts(disk):  # noqa: F811
    seed = random.SystemRandom().randrange(1 << 30)
    print(f"seed {seed}")
    rng = random.Random(seed)
    fresh = disk.with_suffix(".feed")
    for number in range(0, CUTS, CUTS_A_FEED):
        call("cp", "--sparse=always", disk, fresh)
        try:
            for i in range(min(CUTS_A_FEED, CUTS - number)):
                cut(fresh, "share-before-cut", "go" if i else "begin", rng.uniform(0, 3))
            path = share("share-after-cut", "power_feed.py end")
            guest = boot(fresh, path)
            said, _ = guest.communicate(timeout=400)
            log = (path / "log").read_text()
            assert guest.returncode == 0, f"{said}\n{log}"
            assert "each file has come once" in log
        finally:
            fresh.unlink()
