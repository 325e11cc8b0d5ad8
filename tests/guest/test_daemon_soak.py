# SPDX-License-Identifier: GPL-2.0-or-later
"""Feeds in both directions while kftpd and the server are killed at random moments, and consumers take away at once what
is delivered: each file arrives exactly once, or its job says loudly that it cannot know.

The power is cut in tests/system/test_power_cut.py.
"""
import hashlib
import os
import random
import signal
import threading
import time

import pytest

from support import COUNT, SLOWNESS, pattern, wait_until

FILES = 6
CALLS = "rename,renameat,renameat2,fsync,fdatasync,unlink,unlinkat,openat"


class Consumer(threading.Thread):
    """Takes each file away as soon as it has a final name, and looks whether it is whole."""

    def __init__(self, directory, digests):
        super().__init__()
        self.directory, self.digests = directory, digests
        self.taken, self.wrong = [], []
        self.ending = threading.Event()

    def look(self):
        for name in os.listdir(self.directory):
            if name not in self.digests:
                continue  # of an incomplete file, or not ours
            path = self.directory / name
            if hashlib.sha256(path.read_bytes()).hexdigest() != self.digests[name]:
                self.wrong.append(name)
            path.unlink()
            self.taken.append(name)

    def run(self):
        while not self.ending.is_set():
            self.look()
            time.sleep(0.005)

    def end(self):
        self.ending.set()
        if self.is_alive():
            self.join()
        self.look()


class Feed:
    """A job, the files that it has to deliver, and who consumes them."""

    def __init__(self, rng, daemon, server, home, name, upload, then):
        self.name, self.upload, self.then, self.daemon = name, upload, then, daemon
        here, there = daemon.directory / name, home / name
        for d in (here, there, here / "moved", there / "moved"):
            d.mkdir()
            if d.is_relative_to(there):
                os.chown(d, home.stat().st_uid, home.stat().st_gid)
        self.source, target = (here, there) if upload else (there, here)
        digests = {}
        for i in range(FILES):
            content = pattern(rng.randrange(1, 300_000), rng.randrange(1 << 30))
            path = self.source / f"{name} {i}.dat"
            path.write_bytes(content)
            os.chown(path, self.source.stat().st_uid, self.source.stat().st_gid)
            digests[path.name] = hashlib.sha256(content).hexdigest()
        self.consumer = Consumer(target, digests)
        moved = here / "moved" if upload else f"{name}/moved"
        action = {"keep": "", "delete": "Then=delete\n", "move": f"Then=move {moved}\n"}[then]
        ours = f"Path={here}/\n"
        theirs = f"URL={server.url(f'{name}/')}\nPasswordFile={daemon.password_file}\n"
        self.text = (f"[Job]\nRetries=1000\nRetrySec=100ms\n[Source]\n{ours if upload else theirs}Match=*.dat\n{action}"
                     f"[Target]\n{theirs if upload else ours}")

    def begin(self):
        self.consumer.start()
        new = self.daemon.directory / f"{self.name}.new"
        new.write_text(self.text)
        new.rename(self.daemon.jobs / f"{self.name}.job")

    def is_concluded(self):
        try:
            entry = self.daemon.ledger(self.name)
        except FileNotFoundError:
            return False
        return entry["state"] in ("done", "failed") and entry["reported"]

    def check(self):
        """Exactly once, or said to be not known; whole in any case; and the source is as Then= says."""
        assert not self.consumer.wrong, f"not whole: {self.consumer.wrong}"
        said = "\n".join(self.daemon.said(f"{self.name}: "))
        for name in sorted(self.consumer.digests):
            times = self.consumer.taken.count(name)
            unknown = [line for line in self.daemon.said(name) if "not known" in line]
            assert times == 1 or (times == 0 and unknown and self.upload), f"{name} was delivered {times} times:\n{said}"
            if not unknown:
                assert (self.source / name).exists() == (self.then == "keep"), f"{name} in the source, Then={self.then}:\n{said}"
                assert (self.source / "moved" / name).exists() == (self.then == "move"), f"{name}, Then={self.then}:\n{said}"
        if not any("not known" in line for line in self.daemon.said(f"{self.name}")):
            assert self.daemon.ledger(self.name)["state"] == "done", said


def kill(daemon):
    if daemon.process.poll() is None:
        daemon.stop(signal.SIGKILL)


def disturb(rng, daemon, server, what):
    """Runs kftpd until it, or the server, is killed; then both run on."""
    if what == "call":
        number = rng.randrange(1, 120)
        kill(daemon)
        daemon.start("strace", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={CALLS}", "-e", f"inject={CALLS}:signal=KILL:when={number}")
        deadline = time.monotonic() + 4 * SLOWNESS
        while daemon.process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.02)
    else:
        time.sleep(rng.uniform(0, 1.5))
    if what == "server":
        server.kill()
        server.start()
        return
    kill(daemon)
    daemon.start()


@pytest.mark.parametrize("name", ["vsftpd", *(pytest.param(name, marks=pytest.mark.slow) for name in ("proftpd", "pure-ftpd", "pyftpdlib"))])
def test_killed_at_random(name, servers, home, daemon):
    server = servers.get(name)
    for number in range(COUNT):
        seed = random.SystemRandom().randrange(1 << 30)
        print(f"round {number}: seed {seed}")
        rng = random.Random(seed)
        feeds = [Feed(rng, daemon, server, home, f"{way}{number}", way == "up", rng.choice(["keep", "delete", "move"]))
                 for way in ("down", "up")]
        daemon.start()
        try:
            for feed in feeds:
                feed.begin()
            for _ in range(rng.randrange(1, 5)):
                disturb(rng, daemon, server, rng.choice(["daemon", "server", "call"]))
            for feed in feeds:
                wait_until(feed.is_concluded, f"{feed.name} does not end")
            daemon.stop()
        finally:
            for feed in feeds:
                feed.consumer.end()
        for feed in feeds:
            feed.check()
            (daemon.jobs / f"{feed.name}.job").unlink()
