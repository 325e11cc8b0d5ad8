# SPDX-License-Identifier: GPL-2.0-or-later
"""A relay between an FTP client and a server that reads, changes, delays and ends what passes through it.

    with ScriptedServer(..., outside=lambda port: relay.open(port)) as server, Relay(server.port) as relay:
        relay.url("file") ...

What comes after AUTH is encrypted, so that the port in the reply to EPSV cannot be changed on its way. Either the
server names the relay's ports (outside=), or whatever goes to any port of an address is sent to the relay, as by a
gateway (TransparentRelay), which is for real servers.

What is done with the bytes is a filter: function(link, to_client, data), called with what has come from one side, and
returns what goes to the other one. It may sleep, and cut the link.
"""
import os
import socket
import struct
import subprocess
import threading
import time

from servers.real import LIBRARIES, UNPACKED
from servers.records import split

#: of netfilter (linux/netfilter_ipv4.h): where a redirected connection was to go
SO_ORIGINAL_DST = 80


class Link:
    """One connection through the relay: two sockets, and what filters remember of it."""

    def __init__(self, client, server, is_data):
        self.client, self.server, self.is_data = client, server, is_data
        self.passed = {True: b"", False: b""}  # of a control connection: what came from each side, to the client first
        self.records = {True: 0, False: 0}
        self.rest = {True: b"", False: b""}    # of a record that has not come whole
        self.bulk = 0                          # records that is_bulk()
        self.done = False                      # what a filter does once

    def cut(self):
        """FIN both ways."""
        for s in (self.client, self.server):
            try:
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def reset(self):
        for s in (self.client, self.server):
            s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            s.close()


class Relay:
    """Of a server on this machine, with its control connections at port."""

    host = "127.0.0.1"

    def __init__(self, port, filter=None):
        self.filter, self.target = filter, port
        self.links = []
        self._listeners = []
        self.port = self._listen(port, False)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for listener in self._listeners:
            listener.close()
        for link in self.links:
            link.cut()

    def url(self, path="", user="user", scheme="ftp"):
        return f"{scheme}://{user}@{self.host}:{self.port}/{path}"

    def clear_text(self):
        """What passed on control connections, both ways, as an eavesdropper has it."""
        return b"".join(link.passed[side] for link in self.links for side in (True, False) if not link.is_data)

    def open(self, port):
        """A port of ours for the server's passive port."""
        return self._listen(port, True)

    def _listen(self, target, is_data):
        listener = socket.create_server(("127.0.0.1", 0), backlog=16)
        self._listeners.append(listener)
        threading.Thread(target=self._accept, args=(listener, target, is_data), daemon=True).start()
        return listener.getsockname()[1]

    def _accept(self, listener, target, is_data):
        while True:
            try:
                client, _ = listener.accept()
                self._link(client, target, is_data)
            except OSError:
                return  # either end has gone, or the test is over

    def _link(self, client, target, is_data):
        server = socket.create_connection(("127.0.0.1", target), timeout=30)
        server.settimeout(None)
        for s in (client, server):
            s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        link = Link(client, server, is_data)
        self.links.append(link)
        for to_client in (True, False):
            threading.Thread(target=self._pump, args=(link, to_client), daemon=True).start()

    def _pump(self, link, to_client):
        source, sink = (link.server, link.client) if to_client else (link.client, link.server)
        try:
            while data := source.recv(65536):
                if not link.is_data:
                    link.passed[to_client] += data
                if self.filter:
                    data = self.filter(link, to_client, data)
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            link.cut()


def _nft(rules):
    environment = dict(os.environ, LD_LIBRARY_PATH=LIBRARIES)
    subprocess.run([UNPACKED / "usr/sbin/nft", "-f", "-"], input=rules, text=True, env=environment, check=True)


class TransparentRelay(Relay):
    """Under an address of its own it has all the ports that the server has."""

    host = "127.0.0.2"

    def __enter__(self):
        _nft(f"""
table ip relay {{
	chain output {{
		type nat hook output priority -100;
		ip daddr {self.host} ip protocol tcp redirect to :{self.port}
	}}
}}
""")
        return self

    def __exit__(self, *arguments):
        _nft("delete table ip relay")
        super().__exit__(*arguments)

    def url(self, path="", user="user", scheme="ftp"):
        return f"{scheme}://{user}@{self.host}:{self.target}/{path}"

    def _link(self, client, _, __):
        port = struct.unpack(">2xH", client.getsockopt(socket.SOL_IP, SO_ORIGINAL_DST, 16)[:4])[0]
        super()._link(client, port, port != self.target)


# ---- filters of the control connection

def _sent_auth(link):
    return b"AUTH " in link.passed[False]


def strip_auth(link, to_client, data):
    """The client is told that there is no TLS, and the server is told nothing of it."""
    if link.is_data:
        return data
    if to_client:
        return b"".join(line for line in data.splitlines(True) if line.strip() not in (b"AUTH TLS", b"AUTH SSL"))
    kept = b""
    for line in data.splitlines(True):
        if line.startswith(b"AUTH "):
            link.client.sendall(b"500 Unknown command\r\n")
        else:
            kept += line
    return kept


def inject(text, seconds=None):
    """Behind the reply to AUTH: in the same segment, or so much later."""
    def filter(link, to_client, data):
        if link.is_data or not to_client or link.done or not _sent_auth(link) or not data.startswith((b"234", b"334")):
            return data
        link.done = True
        if seconds is None:
            return data + text
        link.client.sendall(data)
        time.sleep(seconds)
        return text
    return filter


# ---- filters of records

def _flip(record):
    """One bit in the middle of what is encrypted."""
    at = 5 + (len(record) - 5) // 2
    return record[:at] + bytes([record[at] ^ 4]) + record[at + 1:]


def each_record(function, data_connection=True, of_server=True, seconds=0.0):
    """Applies function(link, number, record), which returns bytes, to each record of one direction of one kind of
    connection. number: of the records of type 23 (application data) in that direction, from 1; 0 for others. On a
    control connection that begins in clear, after AUTH."""
    def filter(link, to_client, data):
        if link.is_data != data_connection or to_client != of_server:
            return data
        if not link.is_data and not link.rest[to_client] and data[:1] not in b"\x14\x15\x16\x17":
            return data
        records, link.rest[to_client] = split(link.rest[to_client] + data)
        out = b""
        for record in records:
            number = 0
            if record[0] == 23:
                link.records[to_client] += 1
                number = link.records[to_client]
            time.sleep(seconds)
            out += function(link, number, record)
        return out
    return filter


def flip_where(wanted):
    """Damages the first record of which wanted(number, record) is true."""
    def function(link, number, record):
        if number and not link.done and wanted(number, record):
            link.done = True
            return _flip(record)
        return record
    return function


def is_notify(record):
    """By its length: an alert has two bytes, which stand in a record of their own."""
    return record[0] == 21 or record[0] == 23 and len(record) == 5 + 2 + 1 + 16


def without_notify(link, number, record):
    """FIN comes instead of it."""
    return b"" if is_notify(record) else record


def is_bulk(number, record):
    """The file's bytes, and no part of a handshake."""
    return len(record) > 4000


def cut_after(count):
    """FIN after so many records of the file's bytes."""
    def function(link, number, record):
        link.bulk += is_bulk(number, record)
        if link.bulk > count:
            return b""
        return record
    return function


def stall_after(count, seconds):
    def function(link, number, record):
        link.bulk += is_bulk(number, record)
        if link.bulk == count + 1:
            time.sleep(seconds)
        return record
    return function
