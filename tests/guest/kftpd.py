# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs kftpd without systemd. What it would tell the journal is read from its standard error."""
import json
import os
import signal
import socket
import struct
import subprocess
import threading
import time
from pathlib import Path

import support
from support import LIMIT, USER, wait_until

JOURNAL = Path("/run/systemd/journal/socket")


class Journal:
    """Stands where the journal listens, and keeps the records that it gets (systemd.io/JOURNAL_NATIVE_PROTOCOL)."""

    def __init__(self):
        JOURNAL.parent.mkdir(parents=True, exist_ok=True)
        JOURNAL.unlink(missing_ok=True)
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(JOURNAL))
        self.records = []
        self.thread = threading.Thread(target=self._receive)  # a sender waits for room in the socket
        self.thread.start()

    def _receive(self):
        while data := self.socket.recv(1 << 20):
            self.records.append(self._parse(data))

    @staticmethod
    def _parse(data):
        fields = {}
        while data:
            line, _, data = data.partition(b"\n")
            name, equals, value = line.partition(b"=")
            if not equals:
                size, = struct.unpack("<Q", data[:8])
                value, data = data[8:8 + size], data[8 + size + 1:]
            fields[name.decode()] = value.decode(errors="surrogateescape")
        return fields

    def of(self, job, **fields):
        """The records of a job so far that have these fields."""
        return [r for r in list(self.records) if r.get("KFTP_JOB") == job and fields.items() <= r.items()]

    def wait_for(self, job, **fields):
        """The first such record."""
        try:
            return wait_until(lambda: self.of(job, **fields), "")[0]
        except AssertionError:
            raise AssertionError(f"{job}: no record with {fields} among {self.of(job)}") from None

    def close(self):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
            s.sendto(b"", str(JOURNAL))  # ends the thread
        self.thread.join()
        self.socket.close()
        JOURNAL.unlink()


class Daemon:
    """kftpd with directories of its own."""

    def __init__(self, directory, password_file):
        self.directory, self.password_file = directory, password_file
        self.jobs, self.state, self.target = (directory / d for d in ("jobs", "state", "out"))
        for d in (self.jobs, self.state, self.target):
            d.mkdir()
        self.log = directory / "log"
        self.process = None

    def start(self, *prefix, options=()):
        """prefix: a command that runs it, such as strace."""
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                [*prefix, support.BUILD / "userspace/kftpd", f"--config-dir={self.jobs}", f"--state-dir={self.state}",
                 *options],
                stdin=subprocess.DEVNULL, stderr=log, start_new_session=True)

    def stop(self, number=signal.SIGTERM):
        """Returns the exit status and the seconds it took. The signal goes to the whole group: strace keeps its own."""
        begin = time.monotonic()
        os.killpg(self.process.pid, number)
        return self.process.wait(LIMIT), time.monotonic() - begin

    def said(self, part):
        return [line for line in self.log.read_text().splitlines() if part in line]

    def wait_for(self, part, count=1):
        def enough():
            assert self.process.poll() is None, f"kftpd has ended:\n{self.log.read_text()}"
            return len(self.said(part)) >= count

        wait_until(enough, f"kftpd did not say '{part}' {count} times:\n{self.log.read_text()}")
        return self.said(part)

    def drop(self, name, url, more="", job="", source="", path=""):
        """Puts a job that fetches the URL to out/NAME, or to path; job and source are more of those sections."""
        self._drop(name, f"[Job]\n{job}[Source]\n{self._server(url)}{source}[Target]\nPath={path or self.target / name}\n{more}")

    def mirror(self, name, url, path, upload=False, more=""):
        """Puts a job that mirrors URL and path."""
        ours, server = f"Path={path}\n", self._server(url)
        self._drop(name, f"[Job]\nTransfer=mirror\nRetrySec=1s\n[Source]\n{ours if upload else server}"
                   f"[Target]\n{server if upload else ours}{more}")

    def upload(self, name, url, path, job="", source="", target=""):
        """Puts a job that sends a file, or all of a directory whose path ends in a slash."""
        self._drop(name, f"[Job]\n{job}[Source]\nPath={path}\n{source}[Target]\n{self._server(url)}{target}")

    def _server(self, url):
        return f"URL={url}\nUser={USER}\nPasswordFile={self.password_file}\n"

    def _drop(self, name, text):
        new = self.directory / "new"
        new.write_text(text)
        new.rename(self.jobs / f"{name}.job")

    def ledger(self, name):
        return json.loads((self.state / "ledger" / f"{name}.json").read_text())
