# SPDX-License-Identifier: GPL-2.0-or-later
"""Makes the certificates that the tests of TLS need, each time anew: an authority, servers' certificates that
are as they should be or wrong in one way each, and clients' certificates.

All keys are P-256: cheap under emulation, and the only curve that vsftpd 3.0.3 accepts.
"""
import base64
import datetime
import hashlib
import ipaddress
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

DAY = datetime.timedelta(days=1)
#: what the tests call their own machine
HOSTS = ("localhost", "guest", "127.0.0.1", "::1")


@dataclass(frozen=True)
class Certificate:
    """Where a certificate and its key are."""

    pem: Path  # both, as servers take them
    certificate: Path
    key: Path
    pin: str  # as --pin takes it: of the public key, not of the certificate


def _name(text):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _alternative_name(host):
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _write(path, *parts):
    path.touch(mode=0o600)
    path.write_bytes(b"".join(parts))
    return path


def _as_pem(certificate):
    return certificate.public_bytes(serialization.Encoding.PEM)


def _pin(public_key):
    info = public_key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return "sha256//" + base64.b64encode(hashlib.sha256(info).digest()).decode()


def _build(subject, public_key, issuer, issuer_key, valid, extensions):
    """A signed certificate. valid: the days between which it is, counted from now."""
    now = datetime.datetime.utcnow()
    builder = (x509.CertificateBuilder().subject_name(_name(subject)).issuer_name(_name(issuer)).public_key(public_key)
               .serial_number(x509.random_serial_number()).not_valid_before(now + valid[0] * DAY)
               .not_valid_after(now + valid[1] * DAY))
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical)
    return builder.sign(issuer_key, hashes.SHA256())


def _save(directory, name, key, certificate):
    secret = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    public = _as_pem(certificate)
    return Certificate(_write(directory / f"{name}.pem", secret, public), _write(directory / f"{name}.crt", public),
                       _write(directory / f"{name}.key", secret), _pin(key.public_key()))


def _leaf_extensions(hosts, usage):
    extensions = [(x509.BasicConstraints(ca=False, path_length=None), True), (x509.ExtendedKeyUsage([usage]), False)]
    if hosts:
        extensions.append((x509.SubjectAlternativeName([_alternative_name(host) for host in hosts]), False))
    return extensions


class Authority:
    """Signs certificates. path: its own certificate, for those who are to trust it."""

    def __init__(self, directory, name="Authority of the tests"):
        self.directory, self.name = Path(directory), name
        self.directory.mkdir(mode=0o755, parents=True, exist_ok=True)
        self._key = ec.generate_private_key(ec.SECP256R1())
        usage = x509.KeyUsage(digital_signature=False, content_commitment=False, key_encipherment=False, data_encipherment=False,
                              key_agreement=False, key_cert_sign=True, crl_sign=True, encipher_only=False, decipher_only=False)
        own = _build(name, self._key.public_key(), name, self._key, (-1, 30),
                     [(x509.BasicConstraints(ca=True, path_length=0), True), (usage, True)])
        self.path = _write(self.directory / "authority.crt", _as_pem(own))
        self.path.chmod(0o644)

    def server(self, name, hosts=HOSTS, valid=(-1, 30)):
        """A server's certificate, for these names and addresses."""
        return self._issue(name, valid, _leaf_extensions(hosts, ExtendedKeyUsageOID.SERVER_AUTH))

    def client(self, name):
        return self._issue(name, (-1, 30), _leaf_extensions((), ExtendedKeyUsageOID.CLIENT_AUTH))

    def _issue(self, name, valid, extensions):
        key = ec.generate_private_key(ec.SECP256R1())
        return _save(self.directory, name, key, _build(name, key.public_key(), self.name, self._key, valid, extensions))


def self_signed(directory, name="self-signed", hosts=HOSTS):
    """A server's certificate that nobody vouches for."""
    key = ec.generate_private_key(ec.SECP256R1())
    made = _build(name, key.public_key(), name, key, (-1, 30), _leaf_extensions(hosts, ExtendedKeyUsageOID.SERVER_AUTH))
    return _save(Path(directory), name, key, made)


class Certificates:
    """All that the tests use: those of servers by what is wrong with them, those of clients, and who signed them."""

    def __init__(self, directory):
        directory = Path(directory)
        authority, stranger = Authority(directory), Authority(directory / "stranger", "Authority that nobody knows")
        self.ca, self.unknown_ca = authority.path, stranger.path
        self.good = authority.server("good")
        self.only_localhost = authority.server("only-localhost", ["localhost"])
        self.other_key = authority.server("other-key")
        self.bad = {
            "wrong-host": authority.server("wrong-host", ["elsewhere.example", "192.0.2.1"]),
            "expired": authority.server("expired", valid=(-30, -1)),
            "not-yet-valid": authority.server("not-yet-valid", valid=(2, 30)),
            "unknown-authority": stranger.server("unknown-authority"),
            "self-signed": self_signed(directory),
        }
        self.client = authority.client("client")
        self.strange_client = stranger.client("strange-client")
