# SPDX-License-Identifier: GPL-2.0-or-later
"""pyftpd.py: a server of pyftpdlib for one user, with a log of the dialogue and an optional limit of its rate."""
import argparse
import logging

from pyftpdlib.authorizers import DummyAuthorizer
from pyftpdlib.handlers import FTPHandler, ThrottledDTPHandler
from pyftpdlib.servers import FTPServer


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--host", default="::")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--user", required=True)
    parser.add_argument("--password", required=True)
    parser.add_argument("--directory", required=True)
    parser.add_argument("--log", required=True)
    parser.add_argument("--rate", type=int, default=0, help="bytes per second of a transfer")
    arguments = parser.parse_args()

    logging.basicConfig(filename=arguments.log, level=logging.DEBUG, format="%(message)s")
    authorizer = DummyAuthorizer()
    authorizer.add_user(arguments.user, arguments.password, arguments.directory, perm="elradfmwMT")

    class DataHandler(ThrottledDTPHandler):
        read_limit = write_limit = arguments.rate

    class Handler(FTPHandler):
        pass

    Handler.authorizer = authorizer
    Handler.use_sendfile = False
    if arguments.rate:
        Handler.dtp_handler = DataHandler
    FTPServer((arguments.host, arguments.port), Handler).serve_forever()


main()
