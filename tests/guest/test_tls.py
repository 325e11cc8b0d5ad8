# SPDX-License-Identifier: GPL-2.0-or-later
"""FTPS with every real server: the same bytes in both directions, by each version, cipher and kind of data connection;
and the servers' logs show that each data connection resumed the session of its control connection."""
import pytest

from servers.real import ALL
from servers.real_tls import CIPHERS, VERSIONS
from support import names, same_bytes, sizes_now, wait_until, write_pattern
from tls_guest import HOSTS, check_connections, check_report, first_in_fast, needs_tls, options, settings, varied

pytestmark = needs_tls

MIB = 1 << 20
SIZES = {"empty": 0, "one-byte": 1, "a-record": 16384, "two-MiB": 2 * MIB + 77}
MANY = 30


@pytest.fixture
def tls_server(servers, certificates):
    """make(NAME, implicit=..., version=..., cipher=...): a server with a good certificate."""
    return lambda name, **more: servers.get(name, settings(certificates, **more))


def transfer_both_ways(server, host, more, certificates, home, kftp, target):
    """Uploads, lists and downloads files of all sizes, with as many data connections as that takes."""
    chosen = [*options(server, certificates), *more]
    for number, (name, size) in enumerate(SIZES.items()):
        write_pattern(target / name, size, seed=number)
    mark = server.mark()
    done = kftp.verb("put", "--json", *chosen, *SIZES, server.url("", host)).assert_done()
    assert names(home) == sorted(SIZES)
    assert all(same_bytes(home / name, target / name) for name in SIZES)
    for report in done.json_lines:
        check_report(server, report)
    check_connections(server, mark, len(SIZES))

    mark = server.mark()
    shown = kftp.verb("ls", "--json", *chosen, server.url("", host)).assert_done().json
    assert {entry["name"]: entry["size"] for entry in shown} == SIZES
    check_connections(server, mark, 1)

    mark = server.mark()
    (target / "back").mkdir()
    done = kftp.get("--json", *chosen, *(server.url(name, host) for name in SIZES), target / "back").assert_done()
    assert names(target / "back") == sorted(SIZES)
    assert all(same_bytes(target / "back" / name, target / name) for name in SIZES)
    for report in done.json_lines:
        check_report(server, report)
    check_connections(server, mark, len(SIZES))


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("cipher", CIPHERS)
@pytest.mark.parametrize("name", ALL)
def test_every_server_version_and_cipher(name, cipher, version, tls_server, certificates, home, kftp, target):
    transfer_both_ways(tls_server(name, version=version, cipher=cipher), HOSTS["IPv4"], [], certificates, home, kftp, target)


@pytest.mark.parametrize("name,implicit", first_in_fast([("vsftpd", True), ("proftpd", False), ("proftpd", True),
                                                         *((name, False) for name in ALL if name != "proftpd")], 2))
@pytest.mark.parametrize("family", HOSTS)
@pytest.mark.parametrize("mode", ["passive", "active"])
def test_every_kind_of_connection(mode, family, name, implicit, tls_server, certificates, home, kftp, target):
    """In active mode, too, TLS's client is who opened the control connection."""
    server = tls_server(name, implicit=implicit)
    mark = server.mark()
    transfer_both_ways(server, HOSTS[family], ["--active"] if mode == "active" else [], certificates, home, kftp, target)
    sent = {line.split()[0] for line in server.commands(mark)}
    assert bool(sent & {"EPRT", "PORT"}) == (mode == "active") and bool(sent & {"EPSV", "PASV"}) == (mode == "passive")
    assert ("AUTH" in sent) == (not implicit)
    assert {"PBSZ", "PROT"} <= sent


@pytest.mark.parametrize("name,cipher,version", varied(ALL, CIPHERS, ["1.3", "1.2"]))
def test_many_files_over_one_session(name, cipher, version, tls_server, certificates, home, kftp, target):
    """Small ones: the server is done with each before the client is back from the handshake."""
    server = tls_server(name, version=version, cipher=cipher)
    files = [f"file{number}" for number in range(MANY)]
    for number, file in enumerate(files):
        write_pattern(home / file, 100 * number, seed=number)
    mark = server.mark()
    kftp.get(*options(server, certificates), *(server.url(file) for file in files), target).assert_done()
    assert names(target) == sorted(files)
    assert all(same_bytes(home / file, target / file) for file in files)
    check_connections(server, mark, MANY)


@pytest.mark.parametrize("version", first_in_fast(["1.3", "1.2"]))
@pytest.mark.parametrize("name", first_in_fast(ALL))
def test_a_broken_download_goes_on(name, version, slow_server, certificates, home, kftp, target):
    write_pattern(home / "file", 4 * MIB)
    server = slow_server(name, rate=MIB, tls=settings(certificates, version=version))
    chosen = [*options(server, certificates), "--json", server.url("file")]
    running = kftp.start_get(*chosen)
    wait_until(lambda: max(sizes_now(target).values(), default=0) >= MIB or running.process.poll() is not None, "no data came")
    server.kill()
    assert running.wait().status == 6
    assert not (target / "file").exists()

    server.rate = 0
    server.start()
    mark = server.mark()
    done = kftp.get("-c", *chosen).assert_done().json
    assert same_bytes(home / "file", target / "file") and names(target) == ["file"]
    assert done["resumed_from"] >= MIB
    assert f"REST {done['resumed_from']}" in server.commands(mark)
    check_report(server, done)
    check_connections(server, mark, 1)


@pytest.mark.slow
@pytest.mark.parametrize("name", ALL)
def test_64_MiB_both_ways(name, tls_server, certificates, home, kftp, target):
    server = tls_server(name)
    write_pattern(target / "big", 64 * MIB)
    kftp.verb("put", *options(server, certificates), "big", server.url()).assert_done()
    assert same_bytes(home / "big", target / "big")
    kftp.get(*options(server, certificates), server.url("big"), "back").assert_done()
    assert same_bytes(home / "big", target / "back")


@pytest.mark.parametrize("name", first_in_fast(ALL))
def test_a_file_that_is_not_there(name, tls_server, certificates, home, kftp, target):
    """The reply comes while the data connection's handshake waits: it is what is told."""
    server = tls_server(name)
    failed = kftp.get(*options(server, certificates), server.url("missing")).assert_failed(5)
    assert "550" in failed.stderr and f"127.0.0.1:{server.port}" in failed.stderr
    assert names(target) == []


# ---- which connections are encrypted

def test_auto_takes_TLS_where_it_is_offered(tls_server, certificates, home, kftp, target):
    write_pattern(home / "file", 1000)
    server = tls_server("vsftpd", required=False)
    mark = server.mark()
    done = kftp.get("--json", "--tls=auto", f"--ca={certificates.ca}", server.url("file")).assert_done().json
    check_report(server, done)
    check_connections(server, mark, 1)


def test_auto_goes_on_in_clear_where_it_is_not(vsftpd, home, kftp, target):
    write_pattern(home / "file", 1000)
    done = kftp.get("--json", "--tls=auto", vsftpd.url("file")).assert_done().json
    assert same_bytes(home / "file", target / "file")
    assert done["tls"] is None


def test_require_does_not(any_server, home, kftp, target):
    write_pattern(home / "file", 1000)
    mark = any_server.mark()
    failed = kftp.get("--tls=require", any_server.url("file")).assert_failed(10)
    assert f"127.0.0.1:{any_server.port}" in failed.stderr
    assert not [line for line in any_server.commands(mark) if line.startswith(("USER", "PASS"))]
    assert names(target) == []


@pytest.mark.parametrize("name", first_in_fast(ALL))
def test_a_server_that_insists_refuses_clear_text(name, tls_server, home, kftp, target):
    """The message says what to do."""
    write_pattern(home / "file", 1000)
    failed = kftp.get(tls_server(name).url("file")).assert_failed(10)
    assert "--tls=require" in failed.stderr
    assert names(target) == []


def test_the_dialogue_names_version_and_cipher(tls_server, certificates, home, kftp):
    write_pattern(home / "file", 1000)
    server = tls_server("vsftpd", version="1.2", cipher="AES-128-GCM")
    said = kftp.get("-v", *options(server, certificates), server.url("file")).assert_done().stderr
    assert "TLS1.2" in said and "AES_128_GCM" in said and "resumed" in said


# ---- which versions

def test_a_least_version_that_the_server_has_not(tls_server, certificates, home, kftp, target):
    write_pattern(home / "file", 1000)
    server = tls_server("vsftpd", version="1.2")
    mark = server.mark()
    failed = kftp.get("--tls-min=1.3", *options(server, certificates), server.url("file")).assert_failed(10)
    assert f"127.0.0.1:{server.port}" in failed.stderr
    assert not [line for line in server.commands(mark) if line.startswith("USER")]
    kftp.get("--tls-min=1.2", *options(server, certificates), server.url("file")).assert_done()


@pytest.mark.parametrize("override,version", first_in_fast([("disabled-version = tls1.3", "1.2"), ("disabled-version = tls1.2", "1.3")]))
def test_the_policy_of_the_system_holds(override, version, tls_server, certificates, home, kftp, tmp_path):
    write_pattern(home / "file", 1000)
    policy = tmp_path / "policy"
    policy.write_text(f"[overrides]\n{override}\n")
    server = tls_server("vsftpd")
    mark = server.mark()
    environment = ["env", f"GNUTLS_SYSTEM_PRIORITY_FILE={policy}"]
    kftp.get(*options(server, certificates), server.url("file"), prefix=environment).assert_done()
    assert {connection.version for connection in server.tls_connections(mark)} == {version}
