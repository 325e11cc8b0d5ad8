# SPDX-License-Identifier: GPL-2.0-or-later
"""What the tests of TLS with real servers share: whether the kernel can, how kftp is told, what the server must have seen."""
import subprocess
from pathlib import Path

import pytest

from servers.real_tls import Settings


def _kernel_has_tls():
    subprocess.run(["modprobe", "-q", "tls"], check=False)
    return "tls" in Path("/proc/sys/net/ipv4/tcp_available_ulp").read_text().split()


KERNEL_HAS_TLS = _kernel_has_tls()
needs_tls = pytest.mark.skipif(not KERNEL_HAS_TLS, reason="this kernel has no TLS (CONFIG_TLS)")


def first_in_fast(values, fast=1):
    """All values, but in the fast set only the first one, or so many."""
    values = list(values)
    return values[:fast] + [pytest.param(*(value if isinstance(value, tuple) else (value,)), marks=pytest.mark.slow)
                            for value in values[fast:]]


def varied(names, ciphers, versions):
    """Each server with each version, and each cipher with each version: a third of what there is of all three."""
    return first_in_fast((name, list(ciphers)[(i + 2 * j) % len(ciphers)], version)
                         for i, name in enumerate(names) for j, version in enumerate(versions))


HOSTS = {"IPv4": "127.0.0.1", "IPv6": "[::1]"}


def options(server, certificates):
    """For kftp: to trust the tests' authority, and to insist on TLS where the URL does not say so."""
    return [f"--ca={certificates.ca}", *([] if server.tls.implicit else ["--tls=require"])]


def resumes(server, version):
    """Pure-FTPd gives no tickets in TLS 1.3, so that no session can be resumed there."""
    return server.name != "pure-ftpd" or version != "1.3"


def version_of(server):
    return server.tls.version or "1.3"


def check_connections(server, mark, data):
    """The server has seen one control connection and so many data connections, all of them encrypted as it was set
    up for, and the latter with the session of the former."""
    seen = server.await_tls_connections(1 + data, mark)
    assert [connection.version for connection in seen] == [version_of(server)] * (1 + data)
    assert len({connection.cipher for connection in seen}) == 1
    assert not server.tls.cipher or seen[0].cipher == server.tls.cipher
    if seen[0].resumed is not None:
        assert [connection.resumed for connection in seen] == [False] + [resumes(server, version_of(server))] * data


def check_report(server, report):
    """What --json says of the TLS of a transfer's data connection."""
    assert report["tls"].startswith(f"TLS{version_of(server)} TLS_"), report["tls"]
    assert report["tls"].endswith(" resumed") == resumes(server, version_of(server)), report["tls"]


def settings(certificates, **more):
    return Settings(certificates.good.pem, **more)


