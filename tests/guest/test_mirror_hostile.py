# SPDX-License-Identifier: GPL-2.0-or-later
"""Mirrors from servers that lie: nothing outside the target is made or changed, and whatever is refused is named.

Around the target there is a tree that must stay as it is, to the last byte; harmless neighbours of what is hostile
have to arrive all the same.
"""
import ctypes
import os
import re
import subprocess
import threading
from pathlib import Path

import pytest

from guide import each
from mirrors import shown, write
from servers.listed import CONTENT, Directory, File, Link, ListedServer
from support import wait_until
from trees import snapshot

#: refused, by whatever is wrong with them
REFUSED_FILES = [
    b"../outside/evil", b"../../evil", b"../evil", b"/etc/kftp-evil", b"//etc/kftp-evil", b"/", b"//", b"sub/evil", b"./evil", b"sub/",
    b"sub/../../outside/evil", b"sub/..", b"../", b"../..", b"/proc/self/cwd/evil", b"/dev/null", b"~/../evil", b"....//....//evil",
    b"..\\evil", b"..\\..\\outside\\evil", b"sub\\..\\..\\evil", b"..\\", b"C:\\..\\evil",
    b"esc\x1b[2J", b"bell\x07", b"one\x01", b"back\x08space", b"tab\tin", b"del\x7f", b"feed\x0cform", b"carriage\rreturn", b"\x1b]0;x\x07",
    b"n" * 256, b"\xe2\x82\xac" * 86, b"long" * 1200, b"../" * 1000 + b"evil"]
REFUSED_DIRECTORIES = [b"../outside", b"../new", b"/etc/kftp-evil.d", b"sub/new", b"..\\outside", b"dir\x1b[2J", b"d" * 256, b"./x/", b"../../x/"]
#: names and where they point to
REFUSED_LINKS = [
    (b"absolute", b"/etc/passwd"), (b"root", b"/"), (b"up", b".."), (b"up and in", b"../outside"), (b"up to a file", b"../outside/file"),
    (b"down and up", b"sub/../../outside"), (b"far up", b"../../../../../../../../../../etc"), (b"dots", b"./../outside"),
    (b"hidden up", b".//..//outside"), (b"over another", b"in/../../outside"), (b"../outside/link", b"file"), (b"sub/link", b"file"),
    (b"self up", b"../here/../outside"), (b"link\x1b[2J", b"sub")]
#: they look bad, but are names like others
HARMLESS_FILES = [
    b"plain", b"~", b"~root", b"-rf", b"--delete", b"$(touch evil)", b"`touch evil`", b"; touch evil", b"| touch evil", b"%2e%2e%2fevil",
    b"..%2fevil", b"...", b"....", b"..evil", b"evil..", b"%00", "\u2215etc\u2215passwd".encode(), "\uff0e\uff0e\uff0fevil".encode(),
    b"\xc0\xae\xc0\xae\xc0\xafevil", b"\xe0\x80\xafevil", "\u202efdp.exe".encode(), b"caf\xe9", b".bashrc", b"CON", b"a:b", b"C:evil",
    b"n" * 255]
#: what kftp calls files that are not whole yet
TEMPORARY = [b".plain.kftp-part", b".plain.kftp-state", b".plain.kftp-new", b".plain.kftp-0123456789abcdef"]
#: never more than a directory's names for itself and the one above
SKIPPED = [b".", b".."]


def test_there_are_at_least_60():
    assert len(REFUSED_FILES) + len(REFUSED_DIRECTORIES) + len(REFUSED_LINKS) >= 55
    assert len(REFUSED_FILES) + len(REFUSED_DIRECTORIES) + len(REFUSED_LINKS) + len(TEMPORARY) + len(SKIPPED) >= 60


class Hostile:
    """Runs downloads into target/here and asserts that all around it stays as it is."""

    def __init__(self, kftp, target):
        self.kftp, self.target = kftp, target
        self.here, self.outside = target / "here", target / "outside"
        write(target, {"outside/file": b"canary", "outside/sub/file": b"canary"})
        self.before = self.around()

    def around(self):
        """All but here, and where absolute names would lead."""
        found = snapshot(self.target.parent)
        inside = os.fsencode(self.here.relative_to(self.target.parent))
        found = {p: e for p, e in found.items() if p != inside and not p.startswith(inside + b"/")}
        return found, sorted(os.listdir("/")), sorted(os.listdir("/etc")), os.stat("/etc/passwd").st_mtime_ns

    def run(self, entries, how, *options, status=0, limit=300, **server):
        with ListedServer(entries, how, **server) as s:
            done = self.kftp.verb("mirror", "--json", *options, s.url(), self.here, limit=limit)
            self.check(done, s)
        if status is not None:
            assert done.status == status, f"exit status {done.status}: {done.stderr}\n{done.stdout[-3000:]}"
        done.server = s
        return done

    def check(self, done, server):
        assert self.around() == self.before, "something outside was made or changed"
        assert not [c for c in server.commands if re.search(r"(^|[ /\\])\.\.([/\\]|$)", c)], "a name that leads out was asked for"
        assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f]", done.stdout + done.stderr), "control bytes in the output"

    def files(self):
        """Files and links here; each file has to be whole."""
        found = snapshot(self.here) if self.here.exists() else {}
        for path, entry in found.items():
            if entry.kind == "file":
                assert (self.here / os.fsdecode(path)).read_bytes() == CONTENT, path
        return {path for path, entry in found.items() if entry.kind != "dir"}


@pytest.fixture
def hostile(kftp, target):
    return Hostile(kftp, target)


def assert_named(done, names):
    failures = [shown(e["name"]).rstrip("/") for e in done.json_lines if e["error"]]
    for name in names:
        assert shown(name).rstrip("/") in failures, f"{name[:100]!r} is not named"


both = pytest.mark.parametrize("how", ["MLSD", "LIST"])
#: where the second one makes hardly a difference
each_format = each("how", ["MLSD", "LIST"], quick=1)


# ---- names

@both
def test_hostile_names(how, hostile):
    entries = [File(name) for name in REFUSED_FILES + TEMPORARY + SKIPPED + HARMLESS_FILES]
    entries += [Directory(name) for name in REFUSED_DIRECTORIES] + [Link(*link) for link in REFUSED_LINKS]
    entries += [Directory(b"sub"), Link(b"in", b"sub"), Link(b"beside", b"plain")]
    done = hostile.run({"": entries, "sub": [File(b"file")]}, how, status=3)
    assert hostile.files() == {*HARMLESS_FILES, b"sub/file", b"in", b"beside"}
    assert_named(done, REFUSED_FILES + REFUSED_DIRECTORIES + [name for name, _ in REFUSED_LINKS])


@each_format
def test_a_name_that_ends_in_a_NUL(how, hostile):
    """Whatever becomes of such a line, the name before it is not what the server said."""
    hostile.run({"": [File(b"../evil\0"), File(b"cut\0.txt"), File(b"plain")]}, how, status=None)
    assert hostile.files() <= {b"plain", b"cut?.txt"}


@each_format
def test_the_same_name_twice(how, hostile):
    entries = {"": [File(b"x"), Directory(b"x"), File(b"x"), Directory(b"y"), File(b"y")],
               "x": [File(b"inside")], "y": [File(b"inside")]}
    hostile.run(entries, how, status=None)
    assert hostile.files() <= {b"x", b"y/inside"} and b"x" in hostile.files()


# ---- links that would be written through

@both
@pytest.mark.parametrize("leads", [b"../outside", b"/etc", b"sub"], ids=["out", "absolute", "inside"])
@pytest.mark.parametrize("options", [[], ["--delete"], ["--symlinks=follow"]], ids=["plain", "delete", "follow"])
def test_a_link_and_then_a_directory_of_that_name(how, leads, options, hostile):
    entries = {"": [Directory(b"sub"), Link(b"d", leads), Directory(b"d")], "sub": [File(b"plain")], "d": [File(b"evil")]}
    for _ in range(2):
        hostile.run(entries, how, *options, status=None)
        assert not (hostile.here / "sub/evil").exists(), "written through a link"
        assert b"sub/plain" in hostile.files()


@both
@pytest.mark.parametrize("options", [[], ["--delete"]], ids=["plain", "delete"])
def test_a_directory_that_becomes_a_link(how, options, hostile):
    hostile.run({"": [Directory(b"d"), File(b"plain")], "d": [File(b"file")]}, how)
    entries = {"": [Link(b"d", b"../outside"), File(b"plain")], "d": [File(b"evil")]}
    done = hostile.run(entries, how, *options, status=3)
    assert_named(done, [b"d"])
    assert hostile.files() == {b"plain", b"d/file"}


@each_format
def test_a_directory_that_becomes_a_link_inside(how, hostile):
    """It takes the directory's place if deleting is allowed, and then is not gone through."""
    hostile.run({"": [Directory(b"d"), Directory(b"e")], "d": [File(b"file")], "e": [File(b"other")]}, how)
    entries = {"": [Link(b"d", b"e"), Directory(b"e")], "d": [File(b"evil")], "e": [File(b"other")]}
    hostile.run(entries, how, status=3)
    assert hostile.files() == {b"d/file", b"e/other"}
    hostile.run(entries, how, "--delete")
    assert hostile.files() == {b"d", b"e/other"}
    assert os.readlink(hostile.here / "d") == "e"


@each_format
def test_a_link_here_is_not_written_through(how, hostile):
    """One that somebody has put into the target: where the server has a directory, and where it has a file."""
    hostile.here.mkdir()
    (hostile.here / "d").symlink_to("../outside")
    (hostile.here / "f").symlink_to("../outside/file")
    entries = {"": [Directory(b"d"), File(b"f"), File(b"plain")], "d": [File(b"file"), File(b"evil")]}
    done = hostile.run(entries, how, status=None)
    assert b"plain" in hostile.files()
    assert (hostile.here / "d").is_symlink() and done.status == 3
    assert_named(done, [b"d"])
    hostile.run(entries, how, "--delete")
    assert hostile.files() == {b"d/file", b"d/evil", b"f", b"plain"}
    assert not (hostile.here / "d").is_symlink() and not (hostile.here / "f").is_symlink()


def exchange(a, b):
    """Swaps two names at once."""
    libc = ctypes.CDLL(None, use_errno=True)
    return libc.renameat2(-100, os.fsencode(a), -100, os.fsencode(b), 2)


@pytest.mark.slow
def test_a_directory_that_is_swapped_for_a_link_all_the_time(hostile):
    """By somebody here who may write to the target: wherever kftp is when that happens, it stays inside."""
    # what is here changes all the time
    hostile.around = lambda: snapshot(hostile.outside)
    hostile.before = hostile.around()
    directory, link = hostile.here / "d", hostile.here / "swapped"
    directory.mkdir(parents=True)
    link.symlink_to("../outside")
    running, swaps = True, 0

    def swap():
        nonlocal swaps
        while running:
            swaps += exchange(directory, link) == 0

    thread = threading.Thread(target=swap)
    thread.start()
    try:
        entries = {"": [Directory(b"d")], "d": [File(b"%d" % i) for i in range(100)] + [File(b"file"), Directory(b"sub")],
                   "d/sub": [File(b"file"), File(b"evil")]}
        for _ in range(3):
            hostile.run(entries, "MLSD", status=None)
            hostile.run(entries, "MLSD", "--delete", status=None)
    finally:
        running = False
        thread.join()
    assert swaps > 100


# ---- file systems that take two names for one

@pytest.fixture
def folded(hostile):
    """The target on a file system that does not tell upper from lower case."""
    image = Path("/run/kftp-folded.image")
    subprocess.run(["mke2fs", "-q", "-F", "-t", "ext4", "-O", "casefold", "-E", "encoding=utf8", image, "16M"], check=True)
    hostile.here.mkdir()
    subprocess.run(["modprobe", "-q", "loop"], check=False)
    subprocess.run(["mount", "-o", "loop", image, hostile.here], check=True)
    hostile.here = hostile.here / "folded"
    hostile.here.mkdir()
    subprocess.run(["chattr", "+F", hostile.here], check=True)
    hostile.before = hostile.around()
    yield hostile
    subprocess.run(["umount", "-l", hostile.here.parent], check=True)
    image.unlink()


def test_names_that_the_file_system_takes_for_one(folded):
    """One of them arrives; the others are named, and neither take its place nor are they taken for it."""
    names = [b"README", b"ReadMe", b"readme", "GRÜN".encode(), "grün".encode()]
    entries = {"": [*map(File, names), File(b"plain"), Directory(b"Sub"), Directory(b"sub")], "Sub": [File(b"one")], "sub": [File(b"two")]}
    for _ in range(2):
        done = folded.run(entries, "MLSD", status=3)
        there = folded.files()
        assert len([n for n in there if n.lower() == b"readme"]) == 1
        assert len([n for n in there if n.decode().lower() == "grün"]) == 1
        assert len([n for n in there if b"/" in n]) == 1 and b"plain" in there and len(there) == 4
        assert_named(done, [n for n in names if n not in there])
    folded.run(entries, "MLSD", "--delete", status=3)
    assert folded.files() == there


# ---- without end

@pytest.mark.slow
@both
def test_directories_in_one_another_without_end(how, hostile):
    done = hostile.run(lambda path: [Directory(b"d")], how, "--parallel=1", status=3)
    [path] = [e["name"] for e in done.json_lines if e["error"]]
    assert re.fullmatch("d(/d){20,1000}", path)
    assert not hostile.files()


@pytest.mark.slow
def test_a_link_to_its_own_directory_that_is_followed(hostile):
    hostile.run({"": [Link(b"loop", b"."), File(b"f")]}, "LIST", "--symlinks=follow", status=None)
    assert b"f" in hostile.files()


class Peak:
    """The most memory that a process has had."""

    def __init__(self, running):
        self.running, self.kib = running, 0

    def look(self):
        try:
            status = open(f"/proc/{self.running.pid}/status", encoding="ascii").read()
            self.kib = max(self.kib, int(re.search(r"VmHWM:\s+(\d+)", status)[1]))
        except (OSError, TypeError):
            pass  # it has just ended
        return self.running.process.poll() is not None


@pytest.mark.slow
@pytest.mark.parametrize("names", ["new", "same"])
def test_a_listing_without_end(names, hostile, tmp_path):
    """Of ever new names, and of always the same ones."""
    def endless(session, _):
        session.send(b"150 Here\r\n")
        number = 0
        with session.open_data() as connection:
            while True:
                lines = b"-rw-r--r-- 1 a b 5 Jan  2  2020 %08d%%04d\r\n" % number * 1000
                connection.sendall(lines % tuple(range(1000)))
                number += names == "new"

    hostile.here.mkdir()
    write(hostile.here, {"kept": CONTENT})
    with ListedServer({}, "LIST", replies={"LIST": endless}) as server, open(tmp_path / "out", "wb") as out:
        hostile.before = hostile.around()
        running = hostile.kftp.start_verb("mirror", "--json", "--delete", server.url(), hostile.here, stdout=out)
        peak = Peak(running)
        wait_until(peak.look, "it goes on for ever", seconds=900)
        done = running.wait()
    assert done.status not in (0, None) and done.status < 128, done.stderr
    assert 0 < peak.kib < 512 << 10
    assert hostile.files() == {b"kept"}
