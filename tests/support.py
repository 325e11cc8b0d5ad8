# SPDX-License-Identifier: GPL-2.0-or-later
"""What the guest tests use beside the fixtures: running the command, loading the module, files, waiting."""
import hashlib
import json
import os
import re
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

TESTS = Path(__file__).resolve().parent
BUILD = TESTS.parent / "build"
KFTP = Path("/usr/local/bin/kftp")
MODULE = Path(os.environ.get("KFTP_MODULE", BUILD / f"module/{os.uname().release}/src/kftp.ko"))
DEVICE = Path("/dev/kftp")

USER = "ftp-test"
#: looked for where it must not be, so it is like nothing else
PASSWORD = "xyzzy-Pa55 wörd%41"

#: each of them is trouble for some shell, some URL, some server or some of their parsers
HARD_NAMES = ["two words", " leading", "trailing ", "grün-日本.txt", "a*b", "q?x", "[abc]", "{a,b}", "-dash", "--help", "n" * 255,
              'quo"te', "quo'te", "100%", "%41", "back\\slash", "#hash", "a;b", "a;type=i", "~tilde", ".hidden"]

#: how often a test that loops does so: make soak raises it
COUNT = int(os.environ.get("KFTP_COUNT", "3"))
#: how much slower than others the kernel is: sanitizers
SLOWNESS = int(os.environ.get("KFTP_SLOWNESS", "1"))
#: generous: software emulation on a busy machine
LIMIT = 120 * SLOWNESS


def load_module():
    subprocess.run([TESTS / "guest/load-module", MODULE], check=True)
    wait_until(DEVICE.exists, "the module made no device node")


def unload_module():
    subprocess.run(["rmmod", "kftp"], check=True)


def wait_until(condition, what, seconds=LIMIT, interval=0.02):
    """Waits until condition() is true and returns its value."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < deadline, f"after {seconds} s: {what}"
        time.sleep(interval)


def pattern(size, seed=0):
    """Bytes that look random, cheap to make in any amount; no two blocks of 64 KiB are alike."""
    block = b"".join(hashlib.sha256(b"%d %d" % (seed, i)).digest() for i in range(2048))
    out = bytearray()
    number = 0
    while len(out) < size:
        out += b"%016x" % number + block[16:]
        number += 1
    return bytes(out[:size])


def write_pattern(path, size, seed=0):
    """A file of such bytes, written in pieces."""
    block = bytearray(pattern(65536, seed))
    with open(path, "wb") as f:
        for number in range((size + 65535) // 65536):
            block[:16] = b"%016x" % number
            f.write(block[:min(65536, size - number * 65536)])
    path.chmod(0o644)
    return path


def same_bytes(a, b):
    return subprocess.run(["cmp", a, b]).returncode == 0


def names(directory):
    return sorted(p.name for p in Path(directory).iterdir())


def size_now(path):
    """Of a file that somebody may make, rename or remove at this very moment; 0 if it is not there."""
    try:
        return Path(path).stat().st_size
    except FileNotFoundError:
        return 0


def sizes_now(directory):
    """By their names, of what is in a directory in which somebody is at work."""
    return {path.name: size_now(path) for path in Path(directory).iterdir()}


def in_url(name):
    """A name as a part of a URL's path."""
    return quote(name, safe="")


@dataclass
class Result:
    status: int
    stdout: str
    stderr: str
    seconds: float

    @property
    def json(self):
        """The one object that --json printed."""
        lines = self.stdout.splitlines()
        assert len(lines) == 1, f"not one line on stdout: {self.stdout!r}"
        return json.loads(lines[0])

    @property
    def json_lines(self):
        """The objects that --json printed, one for each file."""
        return [json.loads(line) for line in self.stdout.splitlines()]

    def assert_done(self):
        assert self.status == 0, f"exit status {self.status}: {self.stderr}"
        return self

    def assert_failed(self, status):
        """Failed with this exit status and one clear line, without control bytes, on stderr."""
        assert self.status == status, f"exit status {self.status}, expected {status}: {self.stderr!r}"
        assert self.stderr.endswith("\n") and self.stderr.count("\n") == 1, f"not one line: {self.stderr!r}"
        assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f]", self.stderr), f"control bytes: {self.stderr!r}"
        assert len(self.stderr) > 20, f"not clear: {self.stderr!r}"
        return self


def _at_work(programs):
    """The processes that run one of these programs, whoever started them."""
    for exe in Path("/proc").glob("[0-9]*/exe"):
        try:
            if Path(os.readlink(exe)).name in programs:
                yield int(exe.parent.name)
        except OSError:
            pass  # it has ended, or is the kernel's


def end_everywhere(*programs):
    """Kills whatever runs these programs, and returns when it is gone."""
    for pid in list(_at_work(programs)):
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
    wait_until(lambda: not list(_at_work(programs)), f"{programs} cannot be killed")


def resident_peak(pid):
    """The most memory, in bytes, that the program has had so far which a child of ours runs; 0 while it is still a copy
    of this one, and once it has ended."""
    try:
        if os.readlink(f"/proc/{pid}/exe") == os.readlink("/proc/self/exe"):
            return 0
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    found = re.search(r"^VmHWM:\s*(\d+) kB$", status, re.MULTILINE)
    return int(found[1]) * 1024 if found else 0


class Running:
    """A kftp that is at work."""

    def __init__(self, process):
        self.process = process
        self.start = time.monotonic()

    @property
    def pid(self):
        return self.process.pid

    def signal(self, number):
        os.kill(self.process.pid, number)

    def wait(self, seconds=LIMIT):
        try:
            stdout, stderr = self.process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            state = Path(f"/proc/{self.pid}/status").read_text()
            self.signal(signal.SIGKILL)
            stdout, stderr = self.process.communicate()
            raise AssertionError(f"kftp still ran after {seconds} s:\n{stderr.decode(errors='replace')}\n{state}") from None
        return Result(self.process.returncode, os.fsdecode(stdout or b""), stderr.decode(), time.monotonic() - self.start)


class Command:
    """Runs kftp in a directory of its own."""

    def __init__(self, password_file, directory):
        self.password_file, self.directory = password_file, directory
        self._running = []

    def start(self, *arguments, prefix=(), **keywords):
        """prefix: a command that runs the command, such as strace."""
        keywords.setdefault("cwd", self.directory)
        keywords.setdefault("stdin", subprocess.DEVNULL)
        keywords.setdefault("stdout", subprocess.PIPE)
        process = subprocess.Popen([str(a) for a in (*prefix, KFTP, *arguments)], stderr=subprocess.PIPE, **keywords)
        self._running.append(process)
        return Running(process)

    def run(self, *arguments, limit=LIMIT, **keywords):
        return self.start(*arguments, **keywords).wait(limit)

    def start_verb(self, verb, *arguments, retries=0, **keywords):
        return self.start(verb, f"--password-file={self.password_file}", f"--retries={retries}", *arguments, **keywords)

    def verb(self, verb, *arguments, limit=LIMIT, **keywords):
        """Logged in; one try only unless retries= says otherwise, so that what fails does so at once."""
        return self.start_verb(verb, *arguments, **keywords).wait(limit)

    def start_get(self, *arguments, **keywords):
        return self.start_verb("get", *arguments, **keywords)

    def get(self, *arguments, limit=LIMIT, **keywords):
        return self.start_get(*arguments, **keywords).wait(limit)

    def end_all(self):
        for process in self._running:
            if process.poll() is None:
                process.kill()
                process.communicate()
