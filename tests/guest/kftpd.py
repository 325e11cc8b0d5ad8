# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs kftpd without systemd. What it would tell the journal is read from its standard error."""
import json
import os
import signal
import subprocess
import time

import support
from support import LIMIT, USER, wait_until


class Daemon:
    """kftpd with directories of its own."""

    def __init__(self, directory, password_file):
        self.directory, self.password_file = directory, password_file
        self.jobs, self.state, self.target = (directory / d for d in ("jobs", "state", "out"))
        for d in (self.jobs, self.state, self.target):
            d.mkdir()
        self.log = directory / "log"
        self.process = None

    def start(self, *prefix):
        """prefix: a command that runs it, such as strace."""
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                [*prefix, support.BUILD / "userspace/kftpd", f"--config-dir={self.jobs}", f"--state-dir={self.state}"],
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

    def drop(self, name, url, more=""):
        """Puts a job that fetches the URL to out/NAME."""
        new = self.directory / "new"
        new.write_text(f"[Source]\nURL={url}\nUser={USER}\nPasswordFile={self.password_file}\n"
                       f"[Target]\nPath={self.target}/{name}\n{more}")
        new.rename(self.jobs / f"{name}.job")

    def ledger(self, name):
        return json.loads((self.state / "ledger" / f"{name}.json").read_text())
