# SPDX-License-Identifier: GPL-2.0-or-later
"""TLS records made by hand, with the keys of a server's established connection: of any type, empty, padded.

RFC 8446 section 5 and 7.3 for TLS 1.3; RFC 5246, 5288 and 7905 for TLS 1.2. Only what kernel TLS can do, too:
AES-GCM and ChaCha20-Poly1305.
"""
import hashlib
import hmac
import struct

from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305

ALERT, HANDSHAKE, DATA = 21, 22, 23
HELLO_REQUEST, KEY_UPDATE_ASKED, KEY_UPDATE = b"\0\0\0\0", b"\x18\0\0\1\1", b"\x18\0\0\1\0"
CLOSE_NOTIFY, BAD_RECORD_MAC, INTERNAL_ERROR, USER_CANCELED = 0, 20, 80, 90


def ticket(number=0, size=64):
    """A NewSessionTicket of TLS 1.3 that no server will know again."""
    secret = hashlib.sha256(b"%d" % number).digest() * (size // 32 + 1)
    body = struct.pack(">II", 7200, number) + bytes([1, number & 255]) + struct.pack(">H", size) + secret[:size] + b"\0\0"
    return b"\4" + len(body).to_bytes(3, "big") + body


def fatal(number):
    return bytes([2, number])


def plain(kind, content):
    """A record without protection."""
    return struct.pack(">BHH", kind, 0x0303, len(content)) + content


def split(data):
    """The whole records at the beginning, and the rest."""
    records = []
    while len(data) >= 5 and len(data) >= 5 + int.from_bytes(data[3:5], "big"):
        size = 5 + int.from_bytes(data[3:5], "big")
        records.append(data[:size])
        data = data[size:]
    return records, data


def _expand(hash_name, secret, info, size):
    out = block = b""
    for counter in range(1, 256):
        if len(out) >= size:
            break
        block = hmac.digest(secret, block + info + bytes([counter]), hash_name)
        out += block
    return out[:size]


def expand_label(hash_name, secret, label, size):
    label = b"tls13 " + label
    return _expand(hash_name, secret, struct.pack(">HB", size, len(label)) + label + b"\0", size)


def prf(hash_name, secret, label, seed, size):
    """TLS 1.2's."""
    seed = label + seed
    out, a = b"", seed
    while len(out) < size:
        a = hmac.digest(secret, a, hash_name)
        out += hmac.digest(secret, a + seed, hash_name)
    return out[:size]


class Records:
    """What a server writes from now on. connection: a tls.TlsSocket, whose ssl object must write no more."""

    def __init__(self, connection):
        name = connection.tls.cipher()[0]
        self.hash = "sha384" if name.endswith("SHA384") else "sha256"
        self.key_size = 16 if "128" in name else 32
        self.chacha = "CHACHA20" in name
        self.modern = name.startswith("TLS_")  # 1.3; its version ssl tells only after the handshake
        self.number = connection.sent
        secrets = self._secrets(connection)
        if self.modern:
            self._derive_13(secrets["SERVER_TRAFFIC_SECRET_0"])
        else:
            self._derive_12(secrets["CLIENT_RANDOM"], connection.answer[11:43] + connection.hello[11:43])

    def _secrets(self, connection):
        random = connection.hello[11:43].hex()
        with open(connection.context.keylog_filename) as log:
            lines = [line.split() for line in log if not line.startswith("#")]
        return {label: bytes.fromhex(secret) for label, whose, secret in lines if whose == random}

    def _use(self, key, iv):
        self.aead, self.iv = (ChaCha20Poly1305 if self.chacha else AESGCM)(key), iv

    def _derive_13(self, secret):
        self._use(expand_label(self.hash, secret, b"key", self.key_size), expand_label(self.hash, secret, b"iv", 12))

    def _derive_12(self, master, randoms):
        fixed = 12 if self.chacha else 4
        block = prf(self.hash, master, b"key expansion", randoms, 2 * (self.key_size + fixed))
        self._use(block[self.key_size:2 * self.key_size], block[2 * self.key_size + fixed:])

    def seal(self, kind, content, padding=0):
        """padding: of TLS 1.3, zeros behind the content."""
        number, self.number = struct.pack(">Q", self.number), self.number + 1
        if self.modern:
            inner = content + bytes([kind]) + bytes(padding)
            header = struct.pack(">BHH", DATA, 0x0303, len(inner) + 16)
            return header + self.aead.encrypt(self._mixed(number), inner, header)
        explicit = b"" if self.chacha else number
        nonce = self._mixed(number) if self.chacha else self.iv + number
        sealed = self.aead.encrypt(nonce, content, number + struct.pack(">BHH", kind, 0x0303, len(content)))
        return struct.pack(">BHH", kind, 0x0303, len(explicit + sealed)) + explicit + sealed

    def _mixed(self, number):
        return bytes(a ^ b for a, b in zip(self.iv, bytes(4) + number))
