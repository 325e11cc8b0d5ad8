# SPDX-License-Identifier: GPL-2.0-or-later
"""An FTP server that does as a test tells it: well by default, badly where the test says so.

    with ScriptedServer({"f": b"data"}, replies={"SIZE": b"500 What?\\r\\n"}) as server:
        ... server.port ... server.commands ...

What is in `replies` under a command's name happens instead of what the server would do:

    bytes                        are sent as they are
    None                         nothing at all is sent
    USUAL                        what the server would do
    function(session, argument)  something else; script.py makes these from steps
    a list of these              one for each time the command comes, over all sessions; the last one stays

The greeting is replies[""]. Functions have the session's own methods to build on, such as session.send(),
session.drip(), session.next_command() and, from commands.py, session.RETR().

With tls=Tls(...) (see tls.py) it knows AUTH TLS, or does implicit TLS. replies["TLS"] and replies["TLS-DATA"] are
functions that happen instead of the handshake on the control connection, and on a data connection; they get the TCP
socket as their argument.
"""
import os
import select
import socket
import struct
import threading
import time

from servers.commands import Commands, DataRefused
from servers.tls import TlsSocket, below

USUAL = object()
FEATURES = ("SIZE", "MDTM", "REST STREAM", "EPSV", "UTF8")
TLS_FEATURES = ("AUTH TLS", "PBSZ", "PROT")


class ScriptedServer:
    def __init__(self, files=None, replies=None, mtimes=None, host="::", features=FEATURES, encode=None, delay=0, tls=None,
                 outside=None):
        """host: where to listen; "::" is all addresses, IPv4 ones too. encode: function(bytes) through
        which all goes that is said. delay: seconds before each answer. outside: function(port), what a passive port
        is told the client as: that of a relay, say."""
        self.files = dict(files or {})
        self.directories = set()
        self.mtimes = dict(mtimes or {})
        self.replies = dict(replies or {})
        self.features = [*features, *TLS_FEATURES] if tls and features is FEATURES else list(features)
        self.encode, self.delay, self.tls = encode, delay, tls
        self.outside = outside or (lambda port: port)
        self.commands = []     # what all sessions were told
        self.clear = []        # that of it which was not encrypted
        self.secured = []      # the TLS connections, control and data, each as a TlsSocket
        self.sessions = []
        self.overtaking = []   # commands that came before the one ahead of them was answered
        self.urgent = []       # bytes that came out of band
        self.errors = []       # of the script
        self._told = {}
        self._lock = threading.Lock()
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._listener = socket.create_server((host, 0), family=family, dualstack_ipv6=host == "::", backlog=64)
        self.port = self._listener.getsockname()[1]

    def __enter__(self):
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, kind, *_):
        self._listener.close()
        for session in self.sessions:
            session.close()
            if session.tls:
                os.unlink(session.tls.keylog_filename)
        if self.errors and kind is None:
            raise self.errors[0]

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

    def verbs(self):
        """The commands that came, without their arguments and what Telnet puts before them."""
        return [line.split(" ")[0].upper().lstrip("\udcff\udcf4\udcf2") for line in self.commands]

    def told(self, verb):
        """What is to be done this time that the command comes."""
        told = self.replies.get(verb, USUAL)
        if not isinstance(told, (list, tuple)):
            return told
        with self._lock:
            n = self._told.get(verb, 0)
            self._told[verb] = n + 1
        return told[min(n, len(told) - 1)]

    def url(self, path="", host="127.0.0.1", user="user"):
        scheme = "ftps" if self.tls and self.tls.implicit else "ftp"
        return f"{scheme}://{user + '@' if user else ''}{host}:{self.port}/{path}"


class Session(Commands):
    """One control connection."""

    def __init__(self, server, connection):
        self.server, self.connection = server, connection
        self.commands = []
        self.directory = ""
        self.renaming = None
        self.type = "A"
        self.restart = 0
        self.passive = None  # our listening socket
        self.active = None   # where to connect to
        self.open = True
        self.tls = None      # the ssl context of this session, once it is used
        self.protected = False  # data connections are
        self._input = b""

    # ---- for scripts

    def send(self, data):
        self.connection.sendall(self.server.encode(data) if self.server.encode else data)

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
        for s in (below(self.connection), self.passive):
            if s is not None:
                try:
                    s.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass
                s.close()

    def open_data(self, source=None):
        """source: in active mode, the address that we connect from."""
        data = self.open_plain_data(source)
        if not self.protected:
            return data
        told = self.server.told("TLS-DATA")
        return self.secure_data(data) if told is USUAL else told(self, data)

    def open_plain_data(self, source=None):
        """The TCP connection only."""
        if self.passive is not None:
            data, _ = self.passive.accept()
            self.passive.close()
            self.passive = None
            return data
        data = socket.create_connection(self.active, timeout=30, source_address=source)
        self.active = None
        return data

    def secure_control(self):
        """TLS from now on, or what the test told instead."""
        self.tls = self.server.tls.context()
        told = self.server.told("TLS")
        self.connection = self._secure(self.connection, self.server.tls.wire) if told is USUAL else told(self, self.connection)

    def secure_data(self, data):
        try:
            data = self._secure(data, self.server.tls.data_wire)
        except OSError as e:
            data.close()
            raise DataRefused(b"425 TLS failed on the data connection\r\n") from e
        if self.server.tls.resume and not data.tls.session_reused:
            data.close()
            raise DataRefused(b"522 The session of the control connection must be resumed\r\n")
        return data

    def _secure(self, connection, wire):
        secured = TlsSocket(connection, self.tls, wire)
        self.server.secured.append(secured)
        return secured.handshake()

    def _wait(self, seconds):
        """Whether there is something to read."""
        if isinstance(self.connection, TlsSocket):
            return self.connection.wait(seconds)
        return bool(select.select([self.connection], [], [], seconds)[0])

    def next_command(self, seconds=None):
        """The next line from the client, also in the midst of a command; "" if none comes in that time."""
        while b"\n" not in self._input:
            if not self._wait(seconds):
                return ""
            self._take_urgent()  # reading stops before such a byte, and going on drops it
            more = self.connection.recv(65536)
            if not more:
                raise ConnectionResetError("the client has closed the connection")
            self._input += more
        raw, _, self._input = self._input.partition(b"\n")
        line = raw.rstrip(b"\r").decode("utf-8", "surrogateescape")
        self.commands.append(line)
        self.server.record(line)
        if self.connection is below(self.connection):
            self.server.clear.append(line)
        return line

    def answer(self, verb, argument):
        """Does what the test told, or else what a server does."""
        told = self.server.told(verb)
        try:
            if told is USUAL:
                getattr(self, verb, self.unknown)(argument)
            elif callable(told):
                told(self, argument)
            elif told is not None:
                self.send(told)
        except DataRefused as e:
            self.send(e.args[0])

    # ---- the server's loop

    def _take_urgent(self):
        try:
            self.server.urgent.append(below(self.connection).recv(1, socket.MSG_OOB | socket.MSG_DONTWAIT))
        except OSError:
            pass  # there was none

    def _greet(self):
        told = self.server.told("")
        if told is USUAL:
            self.send(b"220 Scripted server\r\n")
        elif callable(told):
            told(self, "")
        elif told is not None:
            self.send(told)

    def _look_for_more(self):
        if self.server.delay:
            time.sleep(self.server.delay)
        if self._input or self._wait(0):
            more = self._input or self._peek()
            if more:
                self.server.overtaking.append(more)

    def _peek(self):
        if isinstance(self.connection, TlsSocket):
            return self.connection.peek()
        return self.connection.recv(4096, socket.MSG_PEEK)

    def serve(self):
        try:
            if self.server.tls and self.server.tls.implicit:
                self.protected = True
                self.secure_control()
            self._greet()
            while self.open:
                verb, _, argument = self.next_command().partition(" ")
                verb = verb.upper().lstrip("\udcff\udcf2\udcf4")
                self._look_for_more()
                if verb.isalnum() and verb.isascii():
                    self.answer(verb, argument)
                else:
                    self.unknown(argument)
        except (OSError, ValueError):
            pass  # the client or the test has ended the connection
        except Exception as e:
            self.server.errors.append(e)
        finally:
            self.close()
