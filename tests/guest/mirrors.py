# SPDX-License-Identifier: GPL-2.0-or-later
"""What the tests of mirrors have in common: a directory here, one on a server, and kftp mirror between them.

What was moved is taken from the server's log, not from what kftp says of itself; the two have to agree.
"""
import os
import re
from pathlib import Path

import pytest

from guide import each
from support import LIMIT, wait_until
from trees import give, plain

#: a temporary name of an upload
TEMPORARY = re.compile(r"\.kftp-[0-9a-f]{16}$")


def shown(path):
    """What is left of a path in a message, where bytes may be escaped: see plain()."""
    return plain(re.sub(r"(\\x[0-9a-f]{2})+", "?", plain(path)))


class Outcome:
    """One run of kftp mirror."""

    def __init__(self, result, server, mark, root):
        self.result, self.server, self.mark, self.root = result, server, mark, root
        self.status, self.stderr = result.status, result.stderr
        self.events = result.json_lines

    def _paths(self, verb):
        """The arguments of a command, as paths below the root; those of temporary names left out."""
        found = []
        for line in self.server.commands(self.mark):
            name, _, argument = line.partition(" ")
            if name.upper() == verb and not TEMPORARY.search(argument):
                found.append(plain(argument.split(self.root + "/", 1)[-1]))
        return found

    def count(self, *verbs):
        """How many of these commands the server has had."""
        return len([line for line in self.server.commands(self.mark) if line.split(" ")[0].upper() in verbs])

    def moved(self):
        """The files that were received, or that got their final names on the server."""
        return sorted(self._paths("RETR") + self._paths("STOR") + self._paths("RNTO"))

    def assert_moved(self, *paths, because=()):
        """Each of these once, nothing else, by the server's log, which may lag, and by what kftp says."""
        expected = sorted(plain(path) for path in paths)
        try:
            wait_until(lambda: len(self.moved()) >= len(expected), "", seconds=10)
        except AssertionError:
            pass  # what there is says more
        moved = self.moved()
        missing, more = [p for p in expected if p not in moved], [p for p in moved if p not in expected]
        assert moved == expected, f"not moved: {missing}; moved without need: {more}; {self.stderr}" + "\n".join(because)
        reported = [e for e in self.events if e["action"] in ("get", "put") and not e["error"]]
        assert len(reported) == len(expected), f"reported were {[e['name'] for e in reported]}"
        return self

    def assert_nothing_moved(self):
        self.assert_moved()
        assert not self.events, self.events
        assert re.search(r"^mirror: nothing to do: \d+ files? unchanged$", self.stderr, re.MULTILINE), self.stderr
        return self

    def failures(self):
        """Of single files, as (action, path below the root, error)."""
        return [(e["action"], shown(e["name"]), e["error"]) for e in self.events if e["error"]]

    def assert_failed_for(self, *names):
        """These and no others failed, and each is named on its own."""
        failures = self.failures()
        left = list(failures)
        for name in names:
            found = [f for f in left if f[1] == shown(name)]
            assert found, f"{name!r} is not named: {failures}"
            left.remove(found[0])
        assert not left, left
        return self


class Mirror:
    """Mirrors between here, a directory in the command's own, and there, one in the account's home."""

    def __init__(self, kftp, home, target):
        self.kftp, self.home = kftp, home
        self.here, self.there = target / "here", home / "there"

    def give(self):
        """Makes what was put on the server by hand the account's own."""
        give(self.home, self.home)

    def run(self, server, source, destination, *options, status=0, root="there", limit=LIMIT, retries=0):
        mark = server.mark()
        result = self.kftp.verb("mirror", "--json", *options, source, destination, limit=limit, retries=retries)
        assert result.status == status, f"exit status {result.status}, not {status}: {result.stderr}\n{result.stdout[-4000:]}"
        return Outcome(result, server, mark, root)

    def down(self, server, *options, **keywords):
        self.give()
        return self.run(server, server.url("there"), self.here, *options, **keywords)

    def up(self, server, *options, **keywords):
        self.give()
        return self.run(server, self.here, server.url("there"), *options, **keywords)

    def go(self, upload, server, *options, **keywords):
        """source and target of it are self.ends(upload)."""
        return (self.up if upload else self.down)(server, *options, **keywords)

    def ends(self, upload):
        return (self.here, self.there) if upload else (self.there, self.here)


@pytest.fixture
def mirror(kftp, home, target):
    return Mirror(kftp, home, target)


#: both ways; the second one is left to the slow tests where it is not much different
both_ways = pytest.mark.parametrize("upload", [False, True], ids=["download", "upload"])
down_first = each("upload", [False, True], ids=["download", "upload"], quick=1)
up_first = each("upload", [True, False], ids=["upload", "download"], quick=1)


def write(root, files, mtime=1600000000):
    """files: a dictionary from path to bytes, all of that time; None instead of bytes is a directory."""
    for path, data in files.items():
        full = Path(root) / path
        if data is None:
            full.mkdir(parents=True, exist_ok=True)
            continue
        full.parent.mkdir(parents=True, exist_ok=True)
        full.write_bytes(data)
        os.utime(full, (mtime, mtime))


def read(root):
    """The files below root, and what is in them."""
    return {str(path.relative_to(root)): path.read_bytes() for path in sorted(Path(root).rglob("*")) if path.is_file()}
