# SPDX-License-Identifier: GPL-2.0-or-later
"""TLS of the scripted server: a connection whose records a test sees, shapes, cuts off and forges.

Python's ssl does the handshake and reads, in memory: what goes over the socket passes `wire`, a function(socket,
bytes) that may send it in whatever way. What ssl would never write is written by records.py.
"""
import select
import socket
import ssl
import tempfile
import time

from servers.records import Records, split

VERSIONS = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}


class Tls:
    """How a ScriptedServer does TLS. Each control connection has keys of its own for its tickets: a data connection
    can resume the session of its own control connection, and of no other."""

    def __init__(self, certificate, implicit=False, version=None, ciphers=None, tickets=2, resume=True, wire=None,
                 data_wire=None, asks_for=None):
        """certificate: of certificates.py. version: "1.2" or "1.3", else both. tickets: how many are sent after a
        handshake of TLS 1.3. resume: whether data connections must resume the session, else they may. ciphers: of
        TLS 1.2. wire, data_wire: see above. asks_for: the authority of clients' certificates, which are asked for; who
        has none is none the less let in."""
        self.certificate, self.implicit, self.version, self.ciphers = certificate, implicit, version, ciphers
        self.tickets, self.resume, self.wire, self.data_wire = tickets, resume, wire, data_wire
        self.asks_for = asks_for

    def context(self):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate.certificate, self.certificate.key)
        context.minimum_version = VERSIONS[self.version or "1.2"]
        context.maximum_version = VERSIONS[self.version or "1.3"]
        context.num_tickets = self.tickets
        context.options &= ~ssl.OP_IGNORE_UNEXPECTED_EOF  # else a FIN is as good as close_notify
        if self.ciphers:
            context.set_ciphers(self.ciphers)
        if self.asks_for:
            context.load_verify_locations(self.asks_for)
            context.verify_mode = ssl.CERT_OPTIONAL
        context.keylog_filename = tempfile.NamedTemporaryFile(prefix="keys-", delete=False).name
        return context


class TlsSocket:
    """A server's end of a TLS connection, to be used as a socket is. What it does not have of a socket, the one
    below it has."""

    def __init__(self, connection, context, wire=None):
        self.socket, self.context = connection, context
        self.wire = wire or (lambda below, data: below.sendall(data))
        self.clean = False     # the other end has said close_notify
        self.alert = None      # what ssl says that it has said otherwise
        self.hello = b""       # the first bytes that came, and went
        self.answer = b""
        self.sent = 0          # records under the keys of the application
        self._forged = None
        self._got = b""        # read ahead by wait()
        self._ended = False
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self._in, self._out, server_side=True)

    def __getattr__(self, name):
        return getattr(self.socket, name)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def _put(self, data):
        if len(self.answer) < 64:
            self.answer += data[:64]
        self.wire(self.socket, data)

    def _flush(self):
        """Returns how many records went."""
        data = self._out.read()
        if data:
            self._put(data)
        return len(split(data)[0])

    def _fill(self):
        data = self.socket.recv(65536)
        if len(self.hello) < 64:
            self.hello += data[:64]
        if data:
            self._in.write(data)
        else:
            self._in.write_eof()

    def handshake(self):
        while True:
            try:
                self.tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                self._flush()
                self._fill()
            except ssl.SSLError:
                self._flush()  # the alert
                raise
        last = self._flush()  # of 1.3 these are tickets; of 1.2 there is one record under the new keys, Finished
        self.sent = last if self.tls.version() == "TLSv1.3" else 1
        return self

    def rush(self, data):
        """TLS 1.3, with a session to resume: data, close_notify and FIN go in one segment with our side of the
        handshake. They are there before the client has come to its end."""
        try:
            self._fill()
            self.tls.do_handshake()
        except ssl.SSLWantReadError:
            pass  # it waits for Finished
        flight = self._out.read()
        self.answer = flight[:64]
        for start in range(0, len(data), 16384):
            flight += self.forge.seal(23, data[start:start + 16384])
        self.socket.sendall(flight + self.forge.seal(21, b"\1\0"))
        self.socket.shutdown(socket.SHUT_WR)
        return self

    # ---- reading

    def _read(self):
        """What there is without waiting; raises SSLWantReadError if there is nothing."""
        try:
            data = self.tls.read(1 << 18)
            self.clean = self.clean or not data
            return data
        except ssl.SSLZeroReturnError:
            self.clean = True
        except ssl.SSLEOFError:
            pass
        except ssl.SSLWantReadError:
            raise
        except ssl.SSLError as e:
            self.alert = e.reason
            self._flush()
            raise
        finally:
            if not self._forged:
                self.sent += self._flush()  # answers to KeyUpdate and the like
        return b""

    def wait(self, seconds):
        """Whether there is data, or the end, within that time."""
        deadline = None if seconds is None else time.monotonic() + seconds
        while not self._got and not self._ended:
            try:
                self._got = self._read()
                self._ended = not self._got
            except ssl.SSLWantReadError:
                left = None if deadline is None else max(0, deadline - time.monotonic())
                if not select.select([self.socket], [], [], left)[0]:
                    return False
                self._fill()
        return True

    def peek(self):
        return self._got if self.wait(0) else b""

    def recv(self, size, flags=0):
        self.wait(None)
        data, self._got = self._got[:size], self._got[size:]
        return data

    # ---- writing

    @property
    def forge(self):
        """From now on all records are our own: those that sendall() makes, too."""
        if self._forged is None:
            self._forged = Records(self)
        return self._forged

    def put_record(self, kind, content, padding=0):
        """A record of any kind, well sealed."""
        self._put(self.forge.seal(kind, content, padding))

    def put_raw(self, data):
        """Bytes that are no part of TLS."""
        self._put(data)

    def sendall(self, data):
        for start in range(0, len(data), 16384):
            piece = data[start:start + 16384]
            if self._forged:
                self._put(self._forged.seal(23, piece))
                continue
            self.tls.write(piece)
            self.sent += self._flush()

    def notify(self):
        """close_notify, and nothing more."""
        if self._forged:
            self._put(self._forged.seal(21, b"\1\0"))
            return
        try:
            self.tls.unwrap()
        except ssl.SSLError:
            pass  # it wants the other end's; that is read, or not, by others
        self._flush()

    def shutdown(self, how):
        if how != socket.SHUT_RD:
            self.notify()
        self.socket.shutdown(how)

    def close(self):
        """As a server should: close_notify, then FIN."""
        try:
            self.notify()
        except OSError:
            pass
        self.socket.close()


def below(connection):
    """The TCP socket of a connection with or without TLS."""
    return connection.socket if isinstance(connection, TlsSocket) else connection


# ---- ways for bytes to go over the wire

def in_pieces(size, seconds=0.0):
    def wire(connection, data):
        for start in range(0, len(data), size):
            connection.sendall(data[start:start + size])
            time.sleep(seconds)
    return wire
