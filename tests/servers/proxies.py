# SPDX-License-Identifier: GPL-2.0-or-later
"""Starts and stops the proxies microsocks (SOCKS5) and tinyproxy (HTTP CONNECT), unpacked below build/servers.

Each logs to whom it connected, so that a test can see which connections went through it.
"""
import os
import re
import socket
import subprocess
import time
from pathlib import Path

from .real import LIBRARIES, UNPACKED, free_port


class Proxy:
    """A proxy's process, its directory, its log. Subclasses say how it is started and what its log means."""

    name = ""
    scheme = ""
    #: a regular expression whose groups are host and port of a connection made
    connected_pattern = ""

    def __init__(self, directory, user="", password=""):
        """With a user, whoever has not the password is refused."""
        self.directory = Path(directory)
        self.directory.mkdir(mode=0o755, parents=True, exist_ok=True)
        self.user, self.password = user, password
        self.port = free_port()
        self.log = self.directory / "log"
        self.process = None

    def command(self):
        raise NotImplementedError

    def start(self):
        environment = dict(os.environ, LD_LIBRARY_PATH=LIBRARIES)
        with open(self.log, "ab") as output:
            self.process = subprocess.Popen([str(a) for a in self.command()], env=environment, cwd="/",
                                            stdin=subprocess.DEVNULL, stdout=output, stderr=output)
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=5).close()
                return self
            except OSError:
                time.sleep(0.05)
        raise RuntimeError(f"{self.name} does not listen:\n{self.log.read_text()}")

    def stop(self):
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def url(self, user="", host="127.0.0.1"):
        return f"{self.scheme}://{user + '@' if user else ''}{host}:{self.port}"

    def mark(self):
        """The log's present length: ports(mark) gives what came after."""
        return self.log.stat().st_size

    def ports(self, mark=0):
        """The ports it connected to since mark, in order."""
        text = self.log.read_bytes()[mark:].decode(errors="replace")
        return [int(port) for port in re.findall(self.connected_pattern, text, re.MULTILINE)]


class Microsocks(Proxy):
    name = "microsocks"
    scheme = "socks5"
    connected_pattern = r"connected to .*:(\d+)$"

    def command(self):
        login = ["-u", self.user, "-P", self.password] if self.user else []
        return [UNPACKED / "usr/bin/microsocks", "-i", "127.0.0.1", "-p", self.port, *login]


class Tinyproxy(Proxy):
    """allowed: the only port it connects to, as many administrators set it up."""

    name = "tinyproxy"
    scheme = "http"
    connected_pattern = r"CONNECT \S+:(\d+) HTTP"

    def __init__(self, directory, user="", password="", allowed=0):
        super().__init__(directory, user, password)
        self.allowed = allowed

    def command(self):
        configuration = self.directory / "tinyproxy.conf"
        configuration.write_text(f"""
Port {self.port}
Listen 127.0.0.1
Timeout 600
MaxClients 50
Allow 127.0.0.1
LogLevel Info
DisableViaHeader Yes
{f"BasicAuth {self.user} {self.password}" if self.user else ""}
{f"ConnectPort {self.allowed}" if self.allowed else ""}
""".lstrip())
        return [UNPACKED / "usr/bin/tinyproxy", "-d", "-c", configuration]
