# SPDX-License-Identifier: GPL-2.0-or-later
"""What somebody on the wire sees of a login and of files: nothing in clear with TLS, all of it without."""
import socket
import threading

import pytest

from support import PASSWORD, USER, pattern
from tls_guest import HOSTS, first_in_fast, needs_tls, options, settings

pytestmark = needs_tls

#: that many bytes of a file together are no coincidence
WINDOW = 16
SIZE = 70_000
NAME = "a-name-like-no-other"
# of <linux/if_ether.h>, <asm/socket.h> and <linux/if_packet.h>, which Python does not have
ETH_P_ALL, SO_RCVBUFFORCE, SOL_PACKET, PACKET_STATISTICS = 3, 33, 263, 6


class Capture:
    """All that passes the loopback device while a `with` block runs, as one string of bytes."""

    def __enter__(self):
        self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
        self._socket.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 64 << 20)
        self._socket.bind(("lo", 0))
        self._socket.settimeout(0.2)
        self._packets, self._ended = [], False
        self._thread = threading.Thread(target=self._receive)
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._ended = True
        self._thread.join()
        _, drops = self._statistics()
        self._socket.close()
        assert drops == 0, "packets were missed"
        self.bytes = b"".join(self._packets)

    def _receive(self):
        while True:
            try:
                packet, (_, _, kind, *_) = self._socket.recvfrom(1 << 17)
            except TimeoutError:
                if self._ended:
                    return
                continue
            if kind != socket.PACKET_OUTGOING:  # each passes twice
                self._packets.append(packet)

    def _statistics(self):
        """Packets and drops of the socket."""
        raw = self._socket.getsockopt(SOL_PACKET, PACKET_STATISTICS, 8)
        return int.from_bytes(raw[:4], "little"), int.from_bytes(raw[4:], "little")


def windows(data):
    return (data[at:at + WINDOW] for at in range(len(data) - WINDOW + 1))


def shown(data, captured):
    """At how many places of what was captured there are that many bytes of the file."""
    of_the_file = set(windows(data))
    return sum(window in of_the_file for window in windows(captured))


def move_both_ways(server, chosen, host, down, up, home, kftp, target):
    (home / NAME).write_bytes(down)
    (home / NAME).chmod(0o644)
    (target / "up").write_bytes(up)
    with Capture() as capture:
        kftp.get(*chosen, server.url(NAME, host)).assert_done()
        kftp.verb("put", *chosen, "up", server.url("up", host)).assert_done()
        kftp.verb("ls", *chosen, server.url("", host)).assert_done()
    assert (target / NAME).read_bytes() == down
    assert (home / "up").read_bytes() == up
    return capture.bytes


@pytest.fixture
def files():
    """One to download, one to upload."""
    return pattern(SIZE, seed=1), pattern(SIZE, seed=2)


@pytest.mark.parametrize("name,implicit,family,version", first_in_fast([
    ("vsftpd", False, "IPv4", "1.3"), ("vsftpd", False, "IPv6", "1.2"), ("proftpd", True, "IPv6", "1.3"), ("proftpd", True, "IPv4", "1.2"),
    ("pure-ftpd", False, "IPv4", "1.3"), ("pure-ftpd", False, "IPv6", "1.2"), ("pyftpdlib", False, "IPv6", "1.3"),
    ("pyftpdlib", False, "IPv4", "1.2")]))
def test_with_TLS_nothing_is_seen(family, name, implicit, version, files, servers, certificates, home, kftp, target):
    server = servers.get(name, settings(certificates, implicit=implicit, version=version))
    captured = move_both_ways(server, options(server, certificates), HOSTS[family], *files, home, kftp, target)
    assert len(captured) > 2 * SIZE
    for secret in (PASSWORD, USER, NAME):
        assert secret.encode() not in captured
    for verb in (b"USER ", b"PASS ", b"RETR ", b"STOR "):
        assert verb not in captured
    assert [shown(data, captured) for data in files] == [0, 0]


def test_without_TLS_all_is_seen(files, vsftpd, home, kftp, target):
    """The same eyes do see."""
    captured = move_both_ways(vsftpd, [], HOSTS["IPv4"], *files, home, kftp, target)
    for secret in (PASSWORD, USER, NAME):
        assert secret.encode() in captured
    # those across the border of two packets are not found
    assert all(shown(data, captured) > SIZE * 0.9 for data in files)
