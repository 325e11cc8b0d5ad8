# SPDX-License-Identifier: GPL-2.0-or-later
"""Mirrors that are interrupted at random points and run again: the tree is right, and what was done is not done again.

COUNT times (KFTP_COUNT; `make soak` raises it) for each direction: by signals and by the server's end, with the four
servers in turn. The random numbers' seed is printed with a failure; KFTP_SEED repeats them.
"""
import os
import random
import re
import shutil
import signal
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pytest

from mirrors import mirror  # noqa: F401
from mirrors import TEMPORARY, write
from servers import real
from support import COUNT, size_now, wait_until
from trees import DAY, differences, make_tree, paths_now, snapshot

#: files at a time
SESSIONS = 4
FILES, DIRECTORIES, LARGE = 30, 16, 3
#: of what is to be interrupted: a large file takes a moment
SLOWLY = "--limit-rate=256K"
#: this takes half a minute in what is not left to chance: there is time to interrupt it, however busy the machine
LONG = 4_000_000
#: of a partial download
PARTIAL = re.compile(rb"^\..*\.kftp-(part|state|map).*$", re.DOTALL)


# ---- ways to interrupt

@dataclass
class Signal:
    number: int
    status: int

    def cut(self, running, server):
        running.signal(self.number)

    def mend(self, server):
        pass

    def is_status(self, result):
        return result.status == self.status


class ServerEnds:
    """It is killed, with all of its sessions, and is there again only for the next run."""

    def cut(self, running, server):
        server.kill()

    def mend(self, server):
        server.start()

    def is_status(self, result):
        # when one of vsftpd's two processes is killed the other may say "500 OOPS" where nothing was asked
        # and a session that it has made at the same moment lives on, and does what the others could not
        return result.status in (3, 6) or (result.status == 1 and "does not speak FTP" in result.stderr)


CUTS = {"SIGINT": Signal(signal.SIGINT, 130), "SIGKILL": Signal(signal.SIGKILL, -signal.SIGKILL), "server": ServerEnds(),
        "SIGTERM": Signal(signal.SIGTERM, 130)}


# ---- one round

def is_final(path):
    """Not a name that a file has only while it is incomplete."""
    name = os.path.basename(path)
    return not PARTIAL.match(name) and not TEMPORARY.search(os.fsdecode(name))


def make_source(root, rng):
    """Directories are so old that no listing, in whatever time zone, leaves open whether they were changed again."""
    m = make_tree(root, rng.randrange(1 << 30), FILES, DIRECTORIES, names=[b"f"], directory_names=[b"d"], deep=3, links=False)
    for i in range(LARGE):
        m.file(m.new(rng.choice(m.directories), b"large %d" % i), rng.randrange(100_000, 500_000), mtime=1_600_000_000 + i)
    old = int(time.time()) - 3 * DAY
    for i, directory in enumerate(sorted(m.directories, key=len, reverse=True)):
        os.utime(m.path(directory), (old - i, old - i))
    return m


def final_files(root):
    """The files that are there under names of their own, with what is in them."""
    return {path: entry for path, entry in snapshot(root).items() if entry.kind == "file" and is_final(path)} if root.exists() else {}


def moved(server, mark, files):
    """How often data of each of the files was moved, by the server's log."""
    found = Counter()
    for line in server.commands(mark):
        verb, _, path = line.partition(" ")
        if verb.upper() in ("RETR", "STOR", "APPE"):
            directory, name = os.path.split(os.fsencode(path.split("there/", 1)[-1]))
            temporary = TEMPORARY.search(os.fsdecode(name))
            if temporary:  # that of a long name has not all of it
                name = name[1:temporary.start()]
                name = next(f for f in map(os.path.basename, files) if f == name or len(f) > 200 and f.startswith(name))
            found[os.path.join(directory, name)] += 1
    return found


def listed(server, mark):
    """The directories that were listed, by the server's log: each is named, or gone into; or both, if it was empty. The root is b""."""
    found = set()
    for line in server.commands(mark):
        verb, _, path = line.partition(" ")
        if verb.upper() in ("CWD", "MLSD", "LIST") and re.search("(^|/)there(/|$)", path):
            found.add(os.fsencode(re.sub("^.*?there/?", "", path)))
    return found


def at_work(pid):
    """It has opened the device: its handlers of signals are in place, and a connection is about to be made."""
    try:
        return any(os.readlink(f) == "/dev/kftp" for f in Path(f"/proc/{pid}/fd").iterdir())
    except (FileNotFoundError, ProcessLookupError):
        return False  # a descriptor was closed meanwhile


class Round:
    def __init__(self, mirror, server, upload, rng):
        self.mirror, self.server, self.upload, self.rng = mirror, server, upload, rng
        self.source, self.target = mirror.ends(upload)
        self.made = make_source(self.source, rng)
        self.options = ["--delete"] if rng.randrange(2) else []
        if self.options:
            write(self.target, {"extra": b"x", "extra directory/extra": b"x", "extra directory/empty": None})
        mirror.give()
        self.mark = server.mark()
        self.files = set(final_files(self.source))
        self.changed = set()
        self.complete = False

    def clear(self):
        for root in (self.source, self.target):
            shutil.rmtree(root, ignore_errors=True)

    def arrived(self):
        """How many of the files have their names; cheap, as it is asked again and again."""
        return len(self.files & paths_now(self.target))

    def interrupt(self, cut, point, delay):
        """Runs the mirror until `point` files are there and `delay` has passed, and cuts it. None: that was too late."""
        kftp, server = self.mirror.kftp, self.server
        ends = (self.mirror.here, server.url("there")) if self.upload else (server.url("there"), self.mirror.here)
        running = kftp.start_verb("mirror", "--json", SLOWLY, f"--parallel={SESSIONS}", "--timeout=20", *self.options, *ends)
        wait_until(lambda: at_work(running.pid) or running.process.poll() is not None, "it does not begin", interval=0.005)
        wait_until(lambda: self.arrived() >= point or running.process.poll() is not None, "no files came", interval=0.02)
        time.sleep(delay)
        cut.cut(running, server)
        try:
            result = running.wait()
        finally:
            cut.mend(server)
        if result.status == 0:
            return None
        assert cut.is_status(result), f"exit status {result.status}: {result.stderr}"
        self.complete = result.status == 3
        return result

    def assert_nothing_half(self):
        """What has its name is complete."""
        source = final_files(self.source)
        for path, entry in final_files(self.target).items():
            if path in source:
                assert entry.digest == source[path].digest, f"half a file under its final name: {path!r}"

    def change(self):
        """A directory of the source gets a file, another one loses one: what was remembered of the two is not true any more."""
        added = self.made.file(self.made.new(self.rng.choice(self.made.directories), b"added"), 1000, mtime=1_700_000_000)
        gone = self.rng.choice(sorted(self.files))
        os.unlink(self.made.path(gone))
        self.mirror.give()
        self.changed = {added, gone}

    def may_stay(self):
        """What is not in the source any more: without --delete the file itself, and in any case half of it, which nobody goes on with."""
        places = {os.path.dirname(path) for path in self.changed}
        halves = {path for path in snapshot(self.target) if os.path.dirname(path) in places and not is_final(path)}
        return {f"only in the target: {path!r}" for path in halves | (set() if self.options else self.changed)}

    def go_on(self):
        """Runs it again, and compares what was done with what had been done before."""
        before, listed_before = moved(self.server, self.mark, self.files), listed(self.server, self.mark)
        source, complete = final_files(self.source), final_files(self.target)
        complete = {p for p, e in complete.items() if p in source and (e.digest, e.mtime) == (source[p].digest, source[p].mtime)}
        done = self.mirror.go(self.upload, self.server, f"--parallel={SESSIONS}", *self.options)
        found = [line for line in differences(self.source, self.target) if line not in self.may_stay()]
        assert not found, "\n".join([*found[:20], done.stderr, *map(str, done.events)])

        after = moved(self.server, done.mark, self.files | self.changed)
        assert max([*before.values(), *after.values()], default=1) == 1, f"moved twice in one run: {before} {after}"
        assert (before.keys() | after.keys()) - self.changed == self.files - self.changed
        twice = before.keys() & after.keys()
        assert len(twice) <= SESSIONS, f"more than the interrupted ones were moved twice: {sorted(twice)}"
        assert not complete & after.keys(), f"moved again though it was there: {complete & after.keys()}"
        # what went to its end, though something failed, remembers nothing
        if not self.upload and not self.complete:
            self.assert_listed(listed_before, listed(self.server, done.mark))

    def assert_listed(self, before, after):
        """Not what was the same and had no directories in it: nobody else could say what time those have."""
        assert before | after == set(self.made.directories)
        inner = {os.path.dirname(d) for d in self.made.directories}
        twice = (before & after) - inner - {os.path.dirname(path) for path in self.changed}
        assert len(twice) <= SESSIONS, f"more were listed again than were being listed: {sorted(twice)}"


@pytest.mark.parametrize("upload", [False, True], ids=["download", "upload"])
def test_interrupted_at_a_random_point_and_run_again(upload, servers, mirror):
    seed = int(os.environ.get("KFTP_SEED") or random.SystemRandom().randrange(1 << 32))
    print(f"KFTP_SEED={seed}")
    rng = random.Random(seed)
    order, cuts = list(real.ALL), list(CUTS)
    rng.shuffle(order)
    rng.shuffle(cuts)
    rounds = misses = 0
    while rounds < (COUNT + 1) // 2:
        # all pairs in turn
        server, cut = servers.get(order[rounds % len(order)]), cuts[(rounds + rounds // len(order)) % len(cuts)]
        point = rng.randrange(FILES) if rng.randrange(4) else 0
        delay = rng.random() * (0.05 if point else 0.5)
        print(f"{server.name}, {cut}: after {point} files and {delay:.3f} s")
        work = Round(mirror, server, upload, rng)
        if work.interrupt(CUTS[cut], point, delay) is None:
            misses += 1
            assert misses <= 3 * COUNT, "it is always too fast"
            work.clear()
            continue
        work.assert_nothing_half()
        if rng.randrange(2):
            work.change()
        work.go_on()
        if rounds == 0:
            mirror.go(upload, server, *work.options).assert_nothing_moved()
        work.clear()
        rounds += 1


# ---- what is not left to chance

def start(mirror, server):
    return mirror.kftp.start_verb("mirror", f"--limit-rate={LONG // 30}", server.url("there"), mirror.here)


def begun(path):
    """Whether some of a file is there, under the name that it has until all of it is."""
    return size_now(path.parent / f".{path.name}.kftp-part") > 100_000


def test_goes_on_without_listing_again_what_is_unchanged(any_server, mirror):
    write(mirror.there, {"large": b"x" * LONG, **{f"d{i}/small": b"x" for i in range(6)}, "d/inner/small": b"x"})
    for directory in [*mirror.there.iterdir(), mirror.there / "d/inner"]:
        os.utime(directory, (1_600_000_000, 1_600_000_000))
    mirror.give()
    mark = any_server.mark()
    running = start(mirror, any_server)
    wait_until(lambda: begun(mirror.here / "large") and sum(map(is_final, paths_now(mirror.here))) == 7, "no files came")
    running.signal(signal.SIGKILL)
    running.wait()
    assert len(listed(any_server, mark)) == 9
    write(mirror.there, {"d3/new": b"y"})
    done = mirror.down(any_server)
    done.assert_moved("large", "d3/new")
    assert listed(any_server, done.mark) == {b"", b"d", b"d3"}
    assert not differences(mirror.there, mirror.here)

    # there is nothing left that would be believed now
    done = mirror.down(any_server).assert_nothing_moved()
    assert len(listed(any_server, done.mark)) == 9


def test_a_file_written_in_place_meanwhile_is_not_joined_with_its_older_half(servers, mirror):
    """Its directory's time stays what it was when it was remembered."""
    write(mirror.there, {"d/large": b"old!" * (LONG // 4)})
    os.utime(mirror.there / "d", (1_600_000_000, 1_600_000_000))
    mirror.give()
    server = servers.get("proftpd")
    running = start(mirror, server)
    wait_until(lambda: begun(mirror.here / "d/large"), "no data came")
    running.signal(signal.SIGINT)
    running.wait().assert_failed(130)
    large = mirror.there / "d/large"
    with open(large, "r+b") as f:
        f.write(b"new!" * (LONG // 4))
    os.utime(large, (1_600_000_100, 1_600_000_100))
    assert large.parent.stat().st_mtime == 1_600_000_000
    mirror.down(server)
    assert not differences(mirror.there, mirror.here)


def test_the_same_mirror_twice_at_a_time(servers, mirror):
    write(mirror.there, {"large": b"x" * LONG, "small": b"x"})
    mirror.give()
    server = servers.get("vsftpd")
    running = start(mirror, server)
    wait_until(lambda: begun(mirror.here / "large"), "no data came")
    running.signal(signal.SIGSTOP)
    failed = start(mirror, server).wait().assert_failed(75)
    assert "running already" in failed.stderr
    running.signal(signal.SIGINT)
    running.signal(signal.SIGCONT)
    running.wait().assert_failed(130)
    mirror.down(server)
    assert not differences(mirror.there, mirror.here)
