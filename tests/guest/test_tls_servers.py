# SPDX-License-Identifier: GPL-2.0-or-later
"""The real servers with TLS are what the tests of kftp take them for: which version and cipher they speak, who
insists on resumed sessions, and that their logs tell. The client is Python's ftplib, with OpenSSL."""
import ftplib
import io
import re
import ssl

import pytest

from servers.real import ALL
from servers.real_tls import CIPHERS, VERSIONS, Connection, Settings
from support import LIMIT, PASSWORD, USER, write_pattern
from tls_guest import varied

#: who refuses a data connection with a session of its own
STRICT = ("vsftpd", "proftpd")


class Client(ftplib.FTP_TLS):
    """resume: data connections take up the control connection's session, or begin one of their own."""

    def __init__(self, server, context, resume):
        super().__init__(context=context, timeout=LIMIT, encoding="utf-8")
        self.resume = resume
        self.connect("127.0.0.1", server.port)
        self.login(USER, PASSWORD)
        self.prot_p()

    def ntransfercmd(self, cmd, rest=None):
        connection, size = ftplib.FTP.ntransfercmd(self, cmd, rest)
        session = self.sock.session if self.resume else None
        return self.context.wrap_socket(connection, server_hostname=self.host, session=session), size


def fetch_twice(server, certificates, resume):
    context = ssl.create_default_context(cafile=certificates.ca)
    got = [io.BytesIO(), io.BytesIO()]
    client = Client(server, context, resume)
    for into in got:
        client.retrbinary("RETR file", into.write)
    client.close()
    return [into.getvalue() for into in got]


@pytest.mark.parametrize("name,cipher,version", varied(ALL, CIPHERS, VERSIONS))
def test_version_and_cipher_are_as_told_and_resumption_is_logged(name, cipher, version, servers, certificates, home):
    write_pattern(home / "file", 1000)
    server = servers.get(name, Settings(certificates.good.pem, version=version, cipher=cipher))
    mark = server.mark()
    assert fetch_twice(server, certificates, True) == [(home / "file").read_bytes()] * 2
    # a session without tickets cannot be resumed: Pure-FTPd gives none in TLS 1.3
    resumed = {"pure-ftpd": (None, None)}.get(name, (False, True))
    control, data = (Connection(version, cipher, flag) for flag in resumed)
    assert server.await_tls_connections(3, mark) == [control, data, data]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name", STRICT)
def test_a_data_connection_with_a_session_of_its_own_is_refused(name, version, servers, certificates, home):
    write_pattern(home / "file", 1000)
    server = servers.get(name, Settings(certificates.good.pem, version=version, cipher="AES-128-GCM"))
    mark = server.mark()
    with pytest.raises((ftplib.Error, OSError, EOFError)):
        fetch_twice(server, certificates, False)
    assert re.search(r"(?i)(no|not).*reuse", server.log_text(mark))


@pytest.mark.slow
@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name", ALL)
def test_clients_need_a_certificate_where_told(name, version, servers, certificates, home):
    write_pattern(home / "file", 1000)
    server = servers.get(name, Settings(certificates.good.pem, version=version, client_ca=certificates.ca))
    context = ssl.create_default_context(cafile=certificates.ca)
    mark = server.mark()
    for refused in (None, certificates.strange_client):
        if refused:
            context.load_cert_chain(refused.pem)
        with pytest.raises((ssl.SSLError, OSError, EOFError)):
            Client(server, context, True)
    assert not [line for line in server.commands(mark) if line.startswith("USER")]
    context.load_cert_chain(certificates.client.pem)
    Client(server, context, True).close()
