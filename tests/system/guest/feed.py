# SPDX-License-Identifier: GPL-2.0-or-later
"""What the tests in the guest are made of: a feed on an FTP server, jobs, the journal, a watcher."""
import ctypes
import hashlib
import json
import os
import re
import struct
import subprocess
import time
from pathlib import Path

JOBS = Path("/etc/kftp.d")
HOME = Path("/home/feed")
TARGET = Path("/srv/ftp/in")
PASSWORD_FILE = "/etc/kftp/feed.password"
HOST = "ftp.acme.example"
SERVER_LOG = Path("/var/log/vsftpd.log")
MIB = 1 << 20

#: the MESSAGE_IDs by name, from the daemon's header: FILE_DONE, JOB_DONE, ...
MESSAGE = {}


def load_messages(header):
    MESSAGE.update(re.findall(r'#define KFTP_MESSAGE_(\w+) "([0-9a-f]{32})"', Path(header).read_text()))


def run(*command, check=True):
    done = subprocess.run([str(c) for c in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")
    assert not check or done.returncode == 0, f"{' '.join(map(str, command))}: exit status {done.returncode}\n{done.stdout}"
    return done


def wait_for(what, condition, seconds=120):
    """Waits until condition() is true and returns its value. The limit is generous: guests are slow."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        value = condition()
        if value:
            return value
        time.sleep(0.1)
    raise AssertionError(f"after {seconds} s still not: {what}\n" + run("journalctl", "-b", "-u", "kftpd", "-n", "40", check=False).stdout)


def sha256(path):
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


# ---- The server ---------------------------------------------------------------------------------------

def offer(name, size):
    """Puts a file of random bytes on the server; returns its SHA-256."""
    path = HOME / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(os.urandom(size))
    path.chmod(0o644)
    return sha256(path)


def limit_rate(bytes_per_second):
    """For sessions that log in from now on; 0: no limit."""
    Path("/etc/vsftpd.d/feed").write_text(f"local_max_rate={bytes_per_second}\n")


class ServerLog:
    """What the server's log says from the moment this is made."""

    def __init__(self):
        self.start = SERVER_LOG.stat().st_size if SERVER_LOG.exists() else 0

    @classmethod
    def whole(cls):
        log = cls()
        log.start = 0
        return log

    def text(self):
        return SERVER_LOG.read_bytes()[self.start:].decode(errors="replace") if SERVER_LOG.exists() else ""

    def commands(self, verb):
        """The arguments of each such command, in order."""
        return re.findall(rf'FTP command: Client "[^"]*", "{verb} ?(.*)"$', self.text(), re.M)


# ---- Jobs -----------------------------------------------------------------------------------------------

def job_text(remote, path, host=HOST, job="", source=""):
    return (f"[Job]\nDescription=a test\nRetrySec=2s\n{job}\n"
            f"[Source]\nURL=ftp://{host}/{remote}\nUser=feed\nPasswordFile={PASSWORD_FILE}\n{source}\n"
            f"[Target]\nPath={path}\n")


#: the test that has used the name of a job
USED = {}


def drop(name, text):
    """Writes a job file as an editor does: complete, under its name at once. Each test has names of its own: the journal
    still has the records of those before it."""
    test = os.environ.get("PYTEST_CURRENT_TEST", "").partition(" ")[0]
    assert USED.setdefault(name, test) == test, f"{USED[name]} has a job {name}, too"
    new = JOBS / f".{name}.new"
    new.write_text(text)
    new.rename(JOBS / f"{name}.job")
    return JOBS / f"{name}.job"


# ---- The journal -----------------------------------------------------------------------------------------

def records(job=None, message=None):
    """The daemon's records as "journalctl -o json" shows them, oldest first."""
    match = [f"KFTP_JOB={job}"] if job else []
    match += [f"MESSAGE_ID={MESSAGE[message]}"] if message else []
    out = run("journalctl", "-o", "json", "--no-pager", "-q", "_SYSTEMD_UNIT=kftpd.service", *match).stdout
    return [json.loads(line) for line in out.splitlines()]


def wait_for_record(job, message, count=1, seconds=180):
    """Waits for the count-th record of that kind; returns it."""
    def enough():
        found = records(job, message)
        return len(found) >= count and found[count - 1]
    return wait_for(f"{message} number {count} of {job} in the journal", enough, seconds)


# ---- The daemon --------------------------------------------------------------------------------------------

def main_pid():
    return int(run("systemctl", "show", "-P", "MainPID", "kftpd").stdout)


def is_active(unit="kftpd"):
    return run("systemctl", "is-active", unit, check=False).stdout.strip() == "active"


def received(directory=TARGET):
    """Bytes in files that are being received: those under a name that is not final begin with a dot."""
    return sum(p.stat().st_size for p in directory.glob(".*") if p.is_file())


class Watcher:
    """Sees all that happens to the names in a directory (inotify), from the moment it is made."""

    CREATE, MODIFY, MOVED_TO = 0x100, 0x2, 0x80

    def __init__(self, directory):
        libc = ctypes.CDLL(None, use_errno=True)
        self.fd = libc.inotify_init1(os.O_NONBLOCK)
        assert self.fd >= 0
        mask = self.CREATE | self.MODIFY | self.MOVED_TO
        assert libc.inotify_add_watch(self.fd, str(directory).encode(), mask) >= 0

    def events(self, name):
        """The events of one name so far, in order, repetitions left out."""
        seen = []
        while True:
            try:
                data = os.read(self.fd, 1 << 16)
            except BlockingIOError:
                return seen
            while data:
                _, mask, _, n = struct.unpack_from("iIII", data)
                assert not mask & 0x4000, "the queue of inotify has overflowed"
                if data[16:16 + n].rstrip(b"\0").decode() == name and (not seen or seen[-1] != mask):
                    seen.append(mask)
                data = data[16 + n:]


def assert_appeared_complete(watcher, name):
    """The final name came by one rename, and nothing was written under it."""
    assert watcher.events(name) == [Watcher.MOVED_TO]
