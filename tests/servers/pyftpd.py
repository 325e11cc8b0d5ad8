# SPDX-License-Identifier: GPL-2.0-or-later
"""pyftpd.py: a server of pyftpdlib for one user, with a log of the dialogue and an optional limit of its rate.

With a certificate it speaks TLS, and logs of each TLS connection version, cipher and whether the session was resumed.
"""
import argparse
import logging

from OpenSSL import SSL
from pyftpdlib.authorizers import DummyAuthorizer
from pyftpdlib.handlers import DTPHandler, FTPHandler, ThrottledDTPHandler, TLS_DTPHandler, TLS_FTPHandler
from pyftpdlib.servers import FTPServer


class LoggedTls:
    """A control or data connection that logs its TLS handshake."""

    def handle_ssl_established(self):
        kind = "resumed" if SSL._lib.SSL_session_reused(self.socket._ssl) else "new"
        logging.info("TLS: %s %s %s", self.socket.get_protocol_version_name(), self.socket.get_cipher_name(), kind)
        super().handle_ssl_established()


class LoggedTlsData(LoggedTls, TLS_DTPHandler):
    pass


class LoggedTlsControl(LoggedTls, TLS_FTPHandler):
    pass


def tls_context(certificate, client_ca):
    """Versions and ciphers are those of OPENSSL_CONF."""
    context = SSL.Context(SSL.SSLv23_METHOD)
    context.use_certificate_chain_file(certificate)
    context.use_privatekey_file(certificate)
    context.set_session_id(b"kftp-test")  # without it a session with a client's certificate cannot be resumed
    if client_ca:
        context.load_verify_locations(client_ca)
        context.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT)
    return context


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--host", default="::")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--user", required=True)
    parser.add_argument("--password", required=True)
    parser.add_argument("--directory", required=True)
    parser.add_argument("--log", required=True)
    parser.add_argument("--rate", type=int, default=0, help="bytes per second of a transfer")
    parser.add_argument("--certificate", help="with its key: TLS is offered")
    parser.add_argument("--client-ca", help="who must have signed a client's certificate")
    parser.add_argument("--tls-required", action="store_true")
    parser.add_argument("--max-cons-per-ip", type=int, default=0, help="more are refused with 421")
    arguments = parser.parse_args()

    logging.basicConfig(filename=arguments.log, level=logging.DEBUG, format="%(message)s")
    authorizer = DummyAuthorizer()
    authorizer.add_user(arguments.user, arguments.password, arguments.directory, perm="elradfmwMT")

    control, data = (LoggedTlsControl, LoggedTlsData) if arguments.certificate else (FTPHandler, DTPHandler)

    class ThrottledData(ThrottledDTPHandler, data):
        read_limit = write_limit = arguments.rate

    class Handler(control):
        pass

    Handler.authorizer = authorizer
    Handler.use_sendfile = False
    Handler.dtp_handler = ThrottledData if arguments.rate else data
    if arguments.certificate:
        Handler.ssl_context = tls_context(arguments.certificate, arguments.client_ca)
        Handler.tls_control_required = Handler.tls_data_required = arguments.tls_required
    server = FTPServer((arguments.host, arguments.port), Handler)
    server.max_cons_per_ip = arguments.max_cons_per_ip
    server.serve_forever()


main()
