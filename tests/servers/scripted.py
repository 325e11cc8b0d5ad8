# SPDX-License-Identifier: GPL-2.0-or-later
"""An FTP server that does as a test tells it: well by default, badly where the test says so.

    with ScriptedServer({"f": b"data"}, replies={"SIZE": b"500 What?\\r\\n"}) as server:
        ... server.port ... server.commands ...

A value in `replies` is sent as it is instead of what the server would do: bytes; None for nothing at
all; or a function(session, argument) that does something else. The greeting is replies[""]. Functions
have the session's own methods to build on, such as session.send(), session.drip() and session.RETR().
"""
import re
import socket
import struct
import threading
import time


class ScriptedServer:
    def __init__(self, files=None, replies=None, mtimes=None, host="::"):
        """host: where to listen; "::" is all addresses, IPv4 ones too."""
        self.files = dict(files or {})
        self.mtimes = dict(mtimes or {})
        self.replies = dict(replies or {})
        self.commands = []
        self.sessions = []
        self._lock = threading.Lock()
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._listener = socket.create_server((host, 0), family=family, dualstack_ipv6=host == "::", backlog=64)
        self.port = self._listener.getsockname()[1]

    def __enter__(self):
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_):
        self._listener.close()
        for session in self.sessions:
            session.close()

    def _accept(self):
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            session = Session(self, connection)
            self.sessions.append(session)
            threading.Thread(target=session.serve, daemon=True).start()

    def record(self, line):
        with self._lock:
            self.commands.append(line)

    def url(self, path="", host="127.0.0.1", user="user"):
        return f"ftp://{user + '@' if user else ''}{host}:{self.port}/{path}"


class Session:
    """One control connection. A method in capitals carries out the command of that name."""

    def __init__(self, server, connection):
        self.server, self.connection = server, connection
        self.restart = 0
        self.passive = None  # our listening socket
        self.active = None   # where to connect to
        self.open = True

    # ---- for scripts

    def send(self, data):
        self.connection.sendall(data)

    def drip(self, data, seconds, for_seconds=3600):
        """Sends data byte by byte, over and over, until the client goes away or the time is up."""
        end = time.monotonic() + for_seconds
        while self.open and time.monotonic() < end:
            for i in range(len(data)):
                self.send(data[i:i + 1])
                time.sleep(seconds)

    def hang(self):
        """Says nothing until the client goes away."""
        while self.open and self.connection.recv(4096):
            pass
        self.close()

    def reset(self):
        """Ends the control connection with a RST."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close()

    def close(self):
        self.open = False
        for s in (self.connection, self.passive):
            if s is not None:
                try:
                    s.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass
                s.close()

    def open_data(self):
        if self.passive is not None:
            data, _ = self.passive.accept()
            self.passive.close()
            self.passive = None
            return data
        data = socket.create_connection(self.active, timeout=30)
        self.active = None
        return data

    # ---- the server's loop

    def serve(self):
        try:
            self._answer("", "", lambda _: self.send(b"220 Scripted server\r\n"))
            for raw in self.connection.makefile("rb"):
                line = raw.rstrip(b"\r\n").decode("utf-8", "surrogateescape")
                self.server.record(line)
                verb, _, argument = line.partition(" ")
                verb = verb.upper().lstrip("\udcff\udcf2\udcf4")
                self._answer(verb, argument, getattr(self, verb, self.unknown) if verb.isalpha() and verb.isascii() else self.unknown)
        except (OSError, ValueError):
            pass  # the client or the test has ended the connection
        finally:
            self.close()

    def _answer(self, verb, argument, usual):
        if verb not in self.server.replies:
            usual(argument)
            return
        told = self.server.replies[verb]
        if callable(told):
            told(self, argument)
        elif told is not None:
            self.send(told)

    # ---- commands

    def unknown(self, _):
        self.send(b"500 Unknown command\r\n")

    def USER(self, _):
        self.send(b"331 Password please\r\n")

    def PASS(self, _):
        self.send(b"230 Logged in\r\n")

    def FEAT(self, _):
        self.send(b"211-Features:\r\n SIZE\r\n MDTM\r\n REST STREAM\r\n EPSV\r\n UTF8\r\n211 End\r\n")

    def OPTS(self, _):
        self.send(b"200 OK\r\n")

    TYPE = OPTS
    NOOP = OPTS

    def SYST(self, _):
        self.send(b"215 UNIX Type: L8\r\n")

    def PWD(self, _):
        self.send(b'257 "/" is the directory\r\n')

    def QUIT(self, _):
        self.send(b"221 Bye\r\n")
        self.close()

    def ABOR(self, _):
        self.send(b"226 Nothing to abort\r\n")

    def SIZE(self, name):
        if name not in self.server.files:
            self.send(b"550 No such file\r\n")
        else:
            self.send(b"213 %d\r\n" % len(self.server.files[name]))

    def MDTM(self, name):
        if name not in self.server.files:
            self.send(b"550 No such file\r\n")
        else:
            self.send(b"213 %s\r\n" % self.server.mtimes.get(name, "20260102030405").encode())

    def REST(self, offset):
        self.restart = int(offset)
        self.send(b"350 Restarting\r\n")

    def _listen(self):
        if self.passive is not None:
            self.passive.close()
        address, family = self.connection.getsockname()[0], self.connection.family
        self.passive = socket.create_server((address, 0), family=family, dualstack_ipv6=family == socket.AF_INET6)
        return self.passive.getsockname()[1]

    def EPSV(self, _):
        self.send(b"229 Entering Extended Passive Mode (|||%d|)\r\n" % self._listen())

    def PASV(self, _):
        port = self._listen()
        host = self.connection.getsockname()[0].replace("::ffff:", "").replace(".", ",")
        self.send(b"227 Entering Passive Mode (%s,%d,%d)\r\n" % (host.encode(), port >> 8, port & 255))

    def EPRT(self, argument):
        _, _, host, port, _ = argument.split(argument[0])
        self.active = (host, int(port))
        self.send(b"200 OK\r\n")

    def PORT(self, argument):
        n = [int(x) for x in re.findall(r"\d+", argument)]
        self.active = (".".join(map(str, n[:4])), n[4] << 8 | n[5])
        self.send(b"200 OK\r\n")

    def RETR(self, name):
        if name not in self.server.files:
            self.send(b"550 No such file\r\n")
            return
        self.send(b"150 Here it comes\r\n")
        self.send_file(self.server.files[name][self.restart:])
        self.send(b"226 Done\r\n")

    def send_file(self, data):
        self.restart = 0
        with self.open_data() as connection:
            connection.sendall(data)
