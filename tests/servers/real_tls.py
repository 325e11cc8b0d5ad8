# SPDX-License-Identifier: GPL-2.0-or-later
"""How a real server of the tests is to speak TLS, and what it says of the TLS connections it has had."""
from dataclasses import dataclass
from pathlib import Path

VERSIONS = ("1.2", "1.3")
#: what each cipher is called in OpenSSL's lists for TLS 1.2 and for TLS 1.3; the certificates' keys are of EC
CIPHERS = {
    "AES-128-GCM": ("ECDHE-ECDSA-AES128-GCM-SHA256", "TLS_AES_128_GCM_SHA256"),
    "AES-256-GCM": ("ECDHE-ECDSA-AES256-GCM-SHA384", "TLS_AES_256_GCM_SHA384"),
    "CHACHA20-POLY1305": ("ECDHE-ECDSA-CHACHA20-POLY1305", "TLS_CHACHA20_POLY1305_SHA256"),
}


@dataclass(frozen=True)
class Settings:
    """certificate: a file with certificate and key. version, cipher: nothing else is offered; by default all is.
    required: nobody may log in or move data without. client_ca: clients need a certificate from it."""

    certificate: Path
    implicit: bool = False
    version: str = ""
    cipher: str = ""
    required: bool = True
    client_ca: Path = None

    @property
    def name(self):
        """Of a directory for such a server."""
        parts = [self.certificate.stem, "implicit" if self.implicit else "", self.version, self.cipher,
                 "" if self.required else "optional", "client" if self.client_ca else ""]
        return "-".join(part for part in parts if part)

    @property
    def ciphers_1_2(self):
        return self._ciphers(0)

    @property
    def ciphers_1_3(self):
        return self._ciphers(1)

    def _ciphers(self, index):
        return ":".join(names[index] for name, names in CIPHERS.items() if self.cipher in ("", name))

    def openssl_configuration(self, path):
        """What every program that uses OpenSSL holds to, as far as it sets nothing else itself."""
        versions = [self.version] if self.version else VERSIONS
        path.write_text(f"""
openssl_conf = program
[program]
ssl_conf = ssl
[ssl]
system_default = default
[default]
MinProtocol = TLSv{versions[0]}
MaxProtocol = TLSv{versions[-1]}
CipherString = {self.ciphers_1_2}
Ciphersuites = {self.ciphers_1_3}
""".lstrip())
        return path


@dataclass(frozen=True)
class Connection:
    """One TLS connection that a server accepted, as it logged it. resumed: None if it does not log that."""

    version: str
    cipher: str
    resumed: bool

    @classmethod
    def logged(cls, version, cipher, resumed):
        """version, cipher: as OpenSSL calls them."""
        known = [name for name, names in CIPHERS.items() if cipher in names]
        return cls(version.removeprefix("TLSv"), known[0] if known else cipher, resumed)
