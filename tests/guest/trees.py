# SPDX-License-Identifier: GPL-2.0-or-later
"""Trees for the tests of mirrors: made from a seed, compared, and changed at random so that it is known what is to move.

Paths are bytes, relative to the tree's root: names need not be UTF-8. Every file's path is still different if
all that is not printable ASCII is taken for a question mark, and blanks at its end are gone, as in some servers'
logs: see plain().
"""
import hashlib
import os
import random
import re
import shutil
import stat
import subprocess
import time
from calendar import timegm
from dataclasses import dataclass, field

DAY = 86400

#: trouble for some shell, some server, some listing's parser, or some client's temporary names
AWKWARD = [name.encode() for name in (
    "two words", " leading", "trailing ", "  two  blanks  ", "-dash", "--delete", "-la", "-", "--", ".hidden", "...", "..two", "dot.",
    "a*b", "*", "q?x", "[abc]", "{a,b}", 'quo"te', "quo'te", "`tick`", "100%", "%41", "%2e%2e%2f", "#hash", "a;b", "a;type=i", "a&b",
    "~", "~root", "back\\slash", "$HOME", "!bang", "a=b,c", "a:b", "<in>", "|pipe|", "@at", "(round)", "grün", "gru\u0308n", "日本.txt",
    "\U0001f427", "no\u00a0break", "\u202egnp", "total 12", "d---------", "a -> b", "drwxr-xr-x   2 ftp ftp 4096 Jan  2  2020 fake",
    "-rw-r--r--   1 ftp ftp 5 Jan  2 15:04 fake", "type=dir;modify=20200102030405; fake", "01-02-20  03:04PM <DIR> fake",
    "+i8388621.48594,m825718503,r,s280, fake", "CON", "nul.txt", "README", "ReadMe", "readme", "12345", "part.kftp")]
#: bytes that are no UTF-8
FOREIGN = [b"caf\xe9", b"gr\xfc\xdf\xe9n"]
#: in all, as the file system has them
LONGEST = 255

#: times long ago and not so long ago, of summer and of winter, where years and months begin, and one to come
_NOW = int(time.time())
TIMES = [timegm(t) for t in [
    (1980, 1, 1, 0, 0, 0), (1999, 12, 31, 23, 59, 59), (2000, 2, 29, 12, 0, 0), (2019, 1, 2, 3, 4, 5), (2020, 2, 29, 23, 59, 59),
    (2021, 7, 4, 1, 2, 3), (2024, 2, 29, 0, 0, 1), (2025, 3, 30, 1, 30, 0), (2025, 10, 26, 0, 30, 0), (2026, 1, 1, 0, 0, 0)]] + [
    _NOW - 45, _NOW - 600, _NOW - 3 * 3600, _NOW - 40 * DAY, _NOW - 150 * DAY, _NOW - 179 * DAY, _NOW - 200 * DAY, _NOW - 340 * DAY,
    _NOW - 366 * DAY, _NOW + DAY]

#: in bytes, most of them small: some at the ends of buffers
SIZES = [0, 0, 1, 2, 17, 100, 511, 512, 700, 1000, 1023, 1024, 1460, 2000, 3000, 4095, 4096, 4097, 5000, 65536, 70001]
MODES = [0o644, 0o644, 0o644, 0o600, 0o755, 0o664, 0o444]


def content(size, seed):
    """Bytes that are those of no other seed, cheap to make."""
    block = hashlib.shake_128(b"%d" % seed).digest(min(size, 4096))
    return (block * (size // 4096 + 1))[:size]


def plain(path):
    """What is left of a path in a log that does not know its characters, or makes one blank of several, or none at its end."""
    path = os.fsdecode(path) if isinstance(path, bytes) else path
    return re.sub(r" +", " ", re.sub(r"([^ -~]|\?)+", "?", path)).rstrip(" ")


# ---- making

@dataclass
class Maker:
    """Where a tree is put, and what is in it."""

    root: bytes
    random: random.Random
    names: list
    directories: list = field(default_factory=lambda: [b""])
    files: list = field(default_factory=list)
    used: set = field(default_factory=set)
    number: int = 0

    def path(self, *parts):
        return os.path.join(self.root, *parts)

    def new(self, directory, stem=None):
        """A path in directory that nothing has yet; a name that begins like others gets a number."""
        name = stem if stem is not None else self.random.choice(self.names)
        path = os.path.join(directory, name)
        while plain(path) in self.used or os.path.lexists(self.path(path)):
            self.number += 1
            path = os.path.join(directory, b"%d%s" % (self.number, name[:LONGEST - 7]))
        self.used.add(plain(path))
        return path

    def directory(self, path):
        os.mkdir(self.path(path))
        os.chmod(self.path(path), 0o755)
        self.directories.append(path)
        return path

    def file(self, path, size=None, mtime=None, mode=None):
        self.number += 1
        with open(self.path(path), "wb") as f:
            f.write(content(self.random.choice(SIZES) if size is None else size, self.random.getrandbits(40)))
        os.chmod(self.path(path), self.random.choice(MODES) if mode is None else mode)
        mtime = self.random.choice(TIMES) if mtime is None else mtime
        os.utime(self.path(path), (mtime, mtime))
        self.files.append(path)
        return path

    def link(self, path, target):
        os.symlink(target, self.path(path))


def make_tree(root, seed, files, directories, names=AWKWARD, directory_names=None, deep=20, links=True):
    """So many files and directories below root, which is made if it is not there. All the names that fit are used once
    before any of them is used twice. deep: at most so many directories lie in one another. Returns the Maker."""
    root = os.fsencode(root)
    os.makedirs(root, exist_ok=True)
    m = Maker(root, random.Random(seed), list(names))
    stems = [b"n" * LONGEST, *(names if directory_names is None else directory_names), *([b"d"] * directories)]
    chain = b""
    for _ in range(min(deep, directories // 3)):
        chain = m.directory(m.new(chain, b"directory in directory"))
    if directories < len(stems):
        m.random.shuffle(stems)
    for stem in stems[:directories - len(m.directories) + 1]:
        m.directory(m.new(m.random.choice(m.directories[:1 + len(m.directories) // 2]), stem))
    empty = m.directories[-max(2, directories // 10):]  # these stay so
    homes = [d for d in m.directories if d not in empty and d != chain]
    for stem in [*names, b"n" * LONGEST][:files]:
        m.file(m.new(m.random.choice(homes), stem))
    for _ in range(files - len(m.files)):
        m.file(m.new(m.random.choice(homes)))
    if links:
        _make_links(m)
    return m


def _make_links(m):
    """All of them stay in the tree, and none leads to a directory that it lies in."""
    top = m.directory(m.new(b"", b"links"))
    m.file(os.path.join(top, b"file"), 1000)
    inner = m.directory(os.path.join(top, b"inner"))
    m.file(os.path.join(inner, b"inside"), 10)
    for name, target in [(b"to a file", b"file"), (b"up and down", b"../" + top + b"/file"), (b"to a directory", b"inner"),
                         (b"through it", b"to a directory/inside")]:
        m.link(os.path.join(top, name), target)
    m.link(os.path.join(inner, b"back up"), b"../file")


# ---- comparing

@dataclass(frozen=True)
class Entry:
    kind: str               # "file", "dir", "link", "other"
    digest: str = ""        # of a file
    mtime: int = None       # of a file
    mode: int = None        # not of a link
    target: bytes = None    # of a link


def snapshot(root, follow=False):
    """Entries by their paths, the root not included."""
    root = os.fsencode(root)
    found = {}
    for directory, directories, files in os.walk(root, followlinks=follow):
        for name in [*directories, *files]:
            path = os.path.join(directory, name)
            found[os.path.relpath(path, root)] = _entry(path, follow)
    return found


def paths_now(root):
    """The paths of what is no directory, as they are at this moment: also of a tree in which somebody is at work, where
    all else that snapshot() looks at may be gone when it does."""
    root = os.fsencode(root)
    return {os.path.relpath(os.path.join(directory, name), root) for directory, _, files in os.walk(root) for name in files}


def _entry(path, follow):
    status = os.stat(path) if follow else os.lstat(path)
    mode = stat.S_IMODE(status.st_mode)
    if stat.S_ISLNK(status.st_mode):
        return Entry("link", target=os.readlink(path))
    if stat.S_ISDIR(status.st_mode):
        return Entry("dir", mode=mode)
    if not stat.S_ISREG(status.st_mode):
        return Entry("other", mode=mode)
    with open(path, "rb") as f:
        digest = hashlib.sha256(f.read()).hexdigest()
    return Entry("file", digest, int(status.st_mtime), mode)


def differences(source, target, times=True, modes=False, follow=False, without=()):
    """What is not the same, a line each; without: paths of the source that have no counterpart."""
    a, b = snapshot(source, follow), snapshot(target, follow)
    a = {path: entry for path, entry in a.items() if path not in without}
    found = [f"only in the source: {p!r}" for p in sorted(a.keys() - b.keys())]
    found += [f"only in the target: {p!r}" for p in sorted(b.keys() - a.keys())]
    for path in sorted(a.keys() & b.keys()):
        x, y = a[path], b[path]
        if (x.kind, x.digest, x.target) != (y.kind, y.digest, y.target):
            found.append(f"{path!r}: {x} became {y}")
        elif times and x.mtime != y.mtime:
            found.append(f"{path!r}: time {x.mtime} became {y.mtime}")
        elif modes and x.mode != y.mode:
            found.append(f"{path!r}: mode {x.mode:o} became {y.mode:o}")
    return found


def diff(a, b):
    """What diff -r says, which follows links."""
    done = subprocess.run(["diff", "-rq", a, b], capture_output=True, check=False)
    return (done.stdout + done.stderr).decode(errors="replace")


def give(directory, account):
    """Makes all of it the account's own, as if it had been uploaded; times stay."""
    status = os.stat(account)
    for path, directories, files in os.walk(os.fsencode(directory)):
        for name in [b"", *directories, *files]:
            os.lchown(os.path.join(path, name), status.st_uid, status.st_gid)


# ---- changing

@dataclass
class Changes:
    """What a mirror with --delete has to do afterwards: paths, relative to both roots."""

    moves: set = field(default_factory=set)     # files that are to be transferred
    gone: set = field(default_factory=set)      # files that are to vanish from the target
    log: list = field(default_factory=list)     # for people


class Changer:
    """Makes changes on one side of two trees that are the same. No two of them touch the same file or directory, on
    either side."""

    KINDS = ("same_size", "other_size", "touch", "delete", "add", "rename", "to_directory", "to_file", "chmod", "into_new")

    def __init__(self, root, seed, source, besides=None):
        """source: whether root is of the source, or of the target. besides: the Changer of the other side."""
        self.root, self.random, self.source = os.fsencode(root), random.Random(seed), source
        entries = snapshot(root)
        linked = {p.split(b"/")[0] for p, e in entries.items() if e.kind == "link"}  # what links lead to stays as it is
        self.files = sorted(p for p, e in entries.items() if e.kind == "file" and p.split(b"/")[0] not in linked)
        self.directories = sorted(p for p, e in entries.items() if e.kind == "dir" and p.split(b"/")[0] not in linked)
        self.random.shuffle(self.files)
        self.used, self.number = set(besides.used if besides else ()), 0
        self.result = besides.result if besides else Changes()
        self.mark = b"s" if source else b"t"

    def path(self, path):
        return os.path.join(self.root, path)

    def new(self, beside, what):
        """A name that neither side has."""
        self.number += 1
        return os.path.join(os.path.dirname(beside), b"%d%s %s" % (self.number, self.mark, what))

    def run(self, count):
        for i in range(count):
            kind = self.KINDS[i % len(self.KINDS)]
            path = getattr(self, kind)()
            self.result.log.append(f"{kind}: {path!r}")
        return self.result

    def _take(self, usable=lambda path: True):
        """A file that has not been changed, in no directory that is going to."""
        for path in self.files:
            if usable(path) and not any(path == u or path.startswith(u + b"/") for u in self.used):
                self.files.remove(path)
                self.used.add(path)
                return path
        raise AssertionError("too few files for so many changes")

    def _write(self, path, size):
        """New bytes, and a time that nothing else has."""
        self.number += 1
        full = self.path(path)
        mode = stat.S_IMODE(os.stat(full).st_mode) if os.path.exists(full) else 0o644
        with open(full, "wb") as f:
            f.write(content(size, self.random.getrandbits(40)))
        os.chmod(full, mode)
        self._touch(path)

    def _touch(self, path):
        """By more than the day to which some listings tell it, and to another time than on the other side."""
        mtime = timegm((2022 if self.source else 2023, 5, 6, 7, 8, 9)) + 2 * DAY * self.random.randrange(100) + self.number
        os.utime(self.path(path), (mtime, mtime))

    def _size(self, path):
        return os.stat(self.path(path)).st_size

    # each returns the path that it changed

    def same_size(self):
        path = self._take(lambda p: self._size(p) > 0)
        self._write(path, self._size(path))
        self.result.moves.add(path)
        return path

    def other_size(self):
        path = self._take()
        self._write(path, self._size(path) + self.random.choice([1, 10, 4096]))
        self.result.moves.add(path)
        return path

    def touch(self):
        path = self._take()
        self._touch(path)
        self.result.moves.add(path)
        return path

    def delete(self):
        path = self._take()
        os.unlink(self.path(path))
        (self.result.gone if self.source else self.result.moves).add(path)
        return path

    def add(self):
        return self._add(self.new(self._take(), b"added"))

    def into_new(self):
        directory = self.new(self._take(), b"new directory")
        os.mkdir(self.path(directory))
        return self._add(os.path.join(directory, b"inside"))

    def _add(self, path):
        self._write(path, self.random.choice(SIZES))
        (self.result.moves if self.source else self.result.gone).add(path)
        return path

    def rename(self):
        path = self._take()
        new = self.new(path, b"renamed")
        os.rename(self.path(path), self.path(new))
        (self.result.gone if self.source else self.result.moves).add(path)
        (self.result.moves if self.source else self.result.gone).add(new)
        return path

    def to_directory(self):
        """A file's name becomes a directory's, with one file in it."""
        path = self._take()
        os.unlink(self.path(path))
        os.mkdir(self.path(path))
        inside = os.path.join(path, b"inside")
        self._write(inside, 100)
        if self.source:
            self.result.moves.add(inside)
            self.result.gone.add(path)
        else:
            self.result.moves.add(path)
            self.result.gone.add(inside)
        return path

    def to_file(self):
        """A directory's name becomes a file's: the last one without directories in it, of those with nothing that was changed."""
        def free(directory):
            inside = directory + b"/"
            return (not any(d.startswith(inside) for d in self.directories)
                    and not any(u.startswith(inside) or inside.startswith(u + b"/") for u in self.used))
        path = self.random.choice([d for d in self.directories if free(d)])
        self.directories.remove(path)
        was = {os.path.join(path, name) for name in os.listdir(self.path(path))}
        self.files = [f for f in self.files if f not in was]
        self.used.add(path)
        shutil.rmtree(self.path(path))
        self._write(path, 50)
        if self.source:
            self.result.moves.add(path)
            self.result.gone |= was
        else:
            self.result.moves |= was
            self.result.gone.add(path)
        return path

    def chmod(self):
        """Permissions alone move nothing."""
        path = self._take()
        os.chmod(self.path(path), 0o640 if stat.S_IMODE(os.stat(self.path(path)).st_mode) != 0o640 else 0o604)
        return path


def change_both(source, target, seed, count):
    """So many changes of either side of two equal trees, at different places. Returns Changes."""
    first = Changer(source, seed, True)
    first.run(count)
    return Changer(target, seed + 1, False, besides=first).run(count)
