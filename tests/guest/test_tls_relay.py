# SPDX-License-Identifier: GPL-2.0-or-later
"""Somebody between the command and the server, who strips TLS, puts bytes in, changes them, cuts them off: what is
detected, with which exit status, and what must not have been sent."""
from contextlib import contextmanager

import pytest

from guide import *  # noqa: F401,F403
from servers import real, relay
from servers.certificates import Authority
from servers.real_tls import Settings
from servers.relay import Relay, each_record, flip_where, is_bulk
from servers.scripted import ScriptedServer
from support import PASSWORD, USER, names, pattern, same_bytes, write_pattern

pytestmark = needs_tls

MIB = 1 << 20
LARGE = pattern(MIB)
BOTH = each("version", ["1.3", "1.2"], quick=1)
MODES = each("mode", ["require", "auto"])
TLS_FAILED = 10


# ---- between the command and a scripted server

class Between:
    """The command against a server, with a relay between them."""

    def __init__(self, secure):
        self.secure = secure

    @contextmanager
    def server(self, filter, files=None, replies=None, **tls):
        held = []
        with ScriptedServer(files, replies, tls=self.secure.tls(**tls), outside=lambda port: held[0].open(port)) as server:
            with Relay(server.port, filter) as between:
                held.append(between)
                yield server, between

    def run(self, verb, filter, *arguments, mode="require", status=0, files=None, replies=None, **tls):
        """arguments: before the URL. What passed on the control connection is result.clear."""
        secure = self.secure
        with self.server(filter, files, replies, **tls) as (server, between):
            result = secure.kftp.verb(verb, f"--ca={secure.certificates.ca}", f"--tls={mode}", f"--timeout={TIMEOUT}",
                                      *arguments, between.url("file" if verb != "ls" else ""))
            assert result.seconds < BOUND
            if status == 0:
                result.assert_done()
            else:
                statuses = status if isinstance(status, tuple) else (status,)
                result.assert_failed(result.status if result.status in statuses else statuses[0])
                assert f"127.0.0.1:{between.port}" in result.stderr
            result.server, result.clear, result.verbs = server, between.clear_text(), server.verbs()
            result.files = dict(server.files)
        return result

    def fetch(self, filter, *options, data=LARGE, status=0, **keywords):
        result = self.run("get", filter, *options, files={"file": data}, status=status, **keywords)
        self.secure.check_got(status if not isinstance(status, tuple) else result.status, "file", data)
        return result

    def send(self, filter, data=LARGE, status=0, **keywords):
        source = self.secure.target / "source"
        source.write_bytes(data)
        result = self.run("put", filter, source, files={}, status=status, **keywords)
        if status == 0:
            assert result.files == {"file": data}
        else:
            assert "file" not in result.files
        return result


@pytest.fixture
def between(secure):
    return Between(secure)


def test_the_relay_itself_harms_nobody(between):
    """What follows shows something only if this works."""
    assert PASSWORD.encode() not in between.fetch(None).clear


def test_AUTH_stripped_and_TLS_required(between):
    failed = between.fetch(relay.strip_auth, status=TLS_FAILED)
    assert "USER" not in failed.verbs and b"USER" not in failed.clear and PASSWORD.encode() not in failed.clear
    assert "500 Unknown command" in failed.stderr


def test_AUTH_stripped_and_TLS_not_required(between):
    """This is what auto cannot help against: it goes on in clear. But it does not do so in silence."""
    done = between.fetch(relay.strip_auth, mode="auto")
    assert PASSWORD.encode() in done.clear
    assert "TLS" in done.stderr and "clear" in done.stderr


@MODES
@each("later", [None, 0.2], ids=["same-segment", "later"])
@BOTH
def test_bytes_put_behind_the_reply_to_AUTH(version, later, mode, between):
    failed = between.fetch(relay.inject(b"230 You are in\r\n", later), mode=mode, status=TLS_FAILED, version=version)
    assert "USER" not in failed.verbs and b"USER" not in failed.clear and PASSWORD.encode() not in failed.clear


@BOTH
def test_a_bit_flipped_in_a_download(version, between):
    """What came before it may be kept for later; the damaged record is never written."""
    between.fetch(each_record(flip_where(is_bulk)), status=TLS_FAILED, version=version)


@BOTH
def test_a_bit_flipped_in_a_listing(version, between):
    between.run("ls", each_record(flip_where(is_bulk)), files={f"{'n' * 100}{i}": b"" for i in range(100)}, status=TLS_FAILED,
                version=version)


@BOTH
def test_a_bit_flipped_in_an_upload(version, between):
    """The server finds it; whatever it says of it."""
    between.send(each_record(flip_where(is_bulk), of_server=False), status=(6, 10), version=version)


@each("number", [4, 8, 10], quick=3)
@BOTH
def test_a_bit_flipped_in_a_reply(version, number, between):
    """Of the control connection: after the handshake, in the midst of login, later."""
    between.fetch(each_record(flip_where(lambda n, _: n == number), data_connection=False), status=TLS_FAILED, version=version)


@each("number", [5, 8], quick=2)
@BOTH
def test_a_bit_flipped_in_a_command(version, number, between):
    """The server ends the session with an alert; some end it without."""
    between.fetch(each_record(flip_where(lambda n, _: n == number), data_connection=False, of_server=False), status=(6, 10),
                  version=version)


@BOTH
def test_a_download_cut_before_close_notify(version, between):
    """All has come, as SIZE says: that is enough, and is noted."""
    done = between.fetch(each_record(relay.without_notify), version=version)
    assert "close_notify" in done.stderr or "end" in done.stderr


@BOTH
def test_a_download_of_unknown_size_cut_before_close_notify(version, between):
    between.fetch(each_record(relay.without_notify), status=(8, 10), version=version,
                  replies={**refuse("SIZE"), "RETR": script(say(b"150 Here\r\n"), data(), say(b"226 Done\r\n"))})


@BOTH
@each("size", [None, b"502 No\r\n"], ids=["SIZE", "no-SIZE"])
def test_a_download_cut_in_the_middle(size, version, between):
    between.fetch(each_record(relay.cut_after(10)), status=(6, 8, 10), version=version, replies={"SIZE": size} if size else {})


@BOTH
def test_a_listing_cut_before_close_notify(version, between):
    between.run("ls", each_record(relay.without_notify), files={"file": b""}, status=(8, 10), version=version)


@BOTH
def test_an_upload_cut_before_close_notify(version, between):
    """The server does not take it for whole."""
    between.send(each_record(relay.without_notify, of_server=False), status=(1, 6, 8, 10), version=version)


def test_a_network_that_stalls_in_the_midst_of_a_record(between):
    """For good: a time-out."""
    between.fetch(each_record(relay.stall_after(3, 60)), status=6)


def test_a_slow_network_is_no_failure(between):
    between.fetch(each_record(lambda _, __, record: record, seconds=0.05))


# ---- the same between the command and real servers

@pytest.fixture(scope="module")
def strict_servers(account, tmp_path_factory):
    """get(NAME): a real server that insists on TLS, with a certificate for the relay's address; and who signed it."""
    authority = Authority(tmp_path_factory.mktemp("authority"))
    certificate = authority.server("relay", [relay.TransparentRelay.host])
    running = {}

    def get(name):
        if name not in running:
            running[name] = real.ALL[name](f"/run/servers/relay-{name}", USER, PASSWORD, tls=Settings(certificate.pem)).start()
        return running[name]

    get.ca = authority.path
    yield get
    for server in running.values():
        server.stop()


REAL = each("name", ["vsftpd", "proftpd", "pyftpdlib"], quick=1)


def through(filter, name, servers, verb, kftp, *arguments):
    server = servers(name)
    with relay.TransparentRelay(server.port, filter) as between:
        result = kftp.verb(verb, f"--ca={servers.ca}", "--tls=require", f"--timeout={TIMEOUT}", *arguments,
                           between.url("file", USER))
        assert PASSWORD.encode() not in between.clear_text() and b"PASS" not in between.clear_text()
        assert between.links
    return result


@REAL
def test_a_relay_before_a_real_server_harms_nobody(name, strict_servers, home, kftp, target):
    write_pattern(home / "file", MIB)
    through(None, name, strict_servers, "get", kftp).assert_done()
    assert same_bytes(home / "file", target / "file")


@each("filter", [relay.strip_auth, relay.inject(b"230 You are in\r\n"), each_record(flip_where(is_bulk)),
                 each_record(relay.cut_after(3)), each_record(flip_where(lambda n, _: n == 12), data_connection=False)],
      ids=["AUTH", "injection", "bit", "cut", "reply"], quick=5)
@REAL
def test_a_download_from_a_real_server_is_attacked(name, filter, strict_servers, home, kftp, target):
    write_pattern(home / "file", MIB)
    failed = through(filter, name, strict_servers, "get", kftp)
    failed.assert_failed(failed.status)
    assert failed.status in (6, 8, 10)
    assert "file" not in names(target)


@REAL
def test_an_upload_to_a_real_server_is_attacked(name, strict_servers, home, kftp, target):
    write_pattern(target / "source", MIB)
    failed = through(each_record(flip_where(is_bulk), of_server=False), name, strict_servers, "put", kftp, "source")
    failed.assert_failed(failed.status)
    assert failed.status in (1, 6, 8, 10)
    assert "file" not in names(home)
