# SPDX-License-Identifier: GPL-2.0-or-later
"""FTPS together with the rest of kftp: proxies, limits, interruptions, several sessions at once, the daemon; and what
happens on a kernel without TLS."""
import json
import signal

import pytest

from servers.proxies import Microsocks, Tinyproxy
from servers.real import ALL
from support import names, same_bytes, sizes_now, wait_until, write_pattern
from tls_guest import KERNEL_HAS_TLS, check_connections, check_report, first_in_fast, needs_tls, options, settings

MIB = 1 << 20


@pytest.fixture
def tls_server(servers, certificates):
    """One with TLS, where it does not matter which."""
    return servers.get("vsftpd", settings(certificates))


# ---- proxies

@needs_tls
@pytest.mark.parametrize("proxy,name,host", first_in_fast([(Microsocks, "vsftpd", "127.0.0.1"), (Tinyproxy, "proftpd", "localhost"),
                                                           (Microsocks, "pyftpdlib", "[::1]"), (Tinyproxy, "pure-ftpd", "127.0.0.1")], 2))
def test_through_a_proxy(proxy, name, host, servers, certificates, home, kftp, target, tmp_path):
    """The handshakes are the proxy's as little as the bytes: the certificate is the server's."""
    server = servers.get(name, settings(certificates))
    write_pattern(home / "down", MIB + 1, seed=1)
    write_pattern(target / "up", MIB + 2, seed=2)
    proxy = proxy(tmp_path / "proxy").start()
    try:
        chosen = [*options(server, certificates), f"--proxy={proxy.url()}"]
        mark = server.mark()
        kftp.get(*chosen, server.url("down", host)).assert_done()
        kftp.verb("put", *chosen, "up", server.url("", host)).assert_done()
    finally:
        proxy.stop()
    assert same_bytes(home / "down", target / "down") and same_bytes(home / "up", target / "up")
    assert len(proxy.ports()) == 4 and proxy.ports().count(server.port) == 2
    seen = server.await_tls_connections(4, mark)
    assert [connection.resumed for connection in seen] in ([False, True, False, True], [None] * 4)


# ---- limits and interruptions

@needs_tls
def test_a_limited_download_that_is_interrupted_goes_on(tls_server, certificates, home, kftp, target):
    """The limit leaves records in the socket: they are read later."""
    write_pattern(home / "file", 8 * MIB)
    chosen = [*options(tls_server, certificates), "--json", tls_server.url("file")]
    running = kftp.start_get("--limit-rate=2M", *chosen)
    wait_until(lambda: max(sizes_now(target).values(), default=0) >= 2 * MIB, "no data came")
    running.signal(signal.SIGINT)
    running.wait().assert_failed(130)
    assert not (target / "file").exists()
    mark = tls_server.mark()
    done = kftp.get("-c", *chosen).assert_done().json
    assert same_bytes(home / "file", target / "file") and names(target) == ["file"]
    assert done["resumed_from"] >= 2 * MIB
    assert f"REST {done['resumed_from']}" in tls_server.commands(mark)
    check_connections(tls_server, mark, 1)


@needs_tls
@pytest.mark.slow
def test_limited_both_ways(tls_server, certificates, home, kftp, target):
    write_pattern(target / "up", 256 * 1024)
    chosen = [*options(tls_server, certificates), "--json", "--limit-rate=128K"]
    up = kftp.verb("put", *chosen, "up", tls_server.url()).assert_done().json
    down = kftp.get(*chosen, tls_server.url("up"), "down").assert_done().json
    assert same_bytes(home / "up", target / "up") and same_bytes(target / "up", target / "down")
    assert all(256 * 1024 / report["rate"] > 1.85 for report in (up, down))


@needs_tls
@pytest.mark.parametrize("name", first_in_fast(ALL))
def test_an_interrupted_upload_leaves_no_final_name(name, slow_server, certificates, home, kftp, target):
    write_pattern(target / "up", 8 * MIB)
    server = slow_server(name, rate=MIB, tls=settings(certificates))
    running = kftp.start_verb("put", *options(server, certificates), "up", server.url("final"))
    wait_until(lambda: any(sizes_now(home).values()) or running.process.poll() is not None, "no data came")
    running.signal(signal.SIGINT)
    running.wait().assert_failed(130)
    assert "final" not in names(home)


@needs_tls
@pytest.mark.slow
def test_several_sessions_at_once(servers, certificates, home, kftp, target):
    """None of them resumes another's session: these servers would refuse that."""
    write_pattern(home / "file", MIB)
    started = []
    for name in ("vsftpd", "proftpd"):
        server = servers.get(name, settings(certificates))
        started += [(server, kftp.start_get("--json", *options(server, certificates), server.url("file"), f"{name}-{i}"))
                    for i in range(3)]
    for server, running in started:
        check_report(server, running.wait().assert_done().json)
    assert all(same_bytes(home / "file", path) for path in target.iterdir())
    assert len(names(target)) == len(started)


@needs_tls
def test_a_stream(tls_server, certificates, home, kftp, target):
    write_pattern(home / "file", MIB // 2 + 3)
    with open(target / "out", "wb") as out:
        kftp.verb("cat", *options(tls_server, certificates), tls_server.url("file"), stdout=out).assert_done()
    assert same_bytes(home / "file", target / "out")


# ---- the daemon

def tls_job(certificates, more=""):
    return f"[Source]\nTLS=require\nCAFile={certificates.ca}\n{more}"


@needs_tls
@pytest.mark.slow
def test_jobs_by_TLS(servers, certificates, home, daemon):
    write_pattern(home / "file", MIB + 7)
    for name in ALL:
        daemon.drop(name, servers.get(name, settings(certificates)).url("file"), tls_job(certificates))
    implicit = servers.get("vsftpd", settings(certificates, implicit=True))
    daemon.drop("implicit", implicit.url("file"), f"[Source]\nCAFile={certificates.ca}\nPin={certificates.good.pin}\n")
    daemon.start()
    daemon.wait_for(": done: 1 file", len(ALL) + 1)
    assert names(daemon.target) == sorted([*ALL, "implicit"])
    assert all(same_bytes(home / "file", path) for path in daemon.target.iterdir())
    for name in ALL:  # what becomes KFTP_TLS= of the journal's record
        check_report(servers.get(name, settings(certificates)), daemon.ledger(name))


@needs_tls
@pytest.mark.slow
def test_a_job_shows_its_certificate(servers, certificates, home, daemon):
    write_pattern(home / "file", 1000)
    ours = certificates.client
    server = servers.get("vsftpd", settings(certificates, client_ca=certificates.ca))
    daemon.drop("ours", server.url("file"), tls_job(certificates, f"CertificateFile={ours.certificate}\nKeyFile={ours.key}\n"))
    daemon.start()
    daemon.wait_for("ours: done: 1 file")
    assert same_bytes(home / "file", daemon.target / "ours")


@needs_tls
def test_a_job_with_a_bad_certificate_fails_for_good(servers, certificates, home, daemon):
    write_pattern(home / "file", 1000)
    server = servers.get("vsftpd", settings(certificates))
    mark = server.mark()
    daemon.drop("untrusted", server.url("file"), "[Source]\nTLS=require\n")
    daemon.start()
    said = daemon.wait_for("untrusted: failed")
    assert "certificate" in said[0] and f":{server.port}" in said[0]
    assert not [line for line in server.commands(mark) if line.startswith("USER")]
    assert names(daemon.target) == []


# ---- a kernel without TLS

@pytest.mark.skipif(KERNEL_HAS_TLS, reason="this kernel has TLS")
@pytest.mark.parametrize("scheme,option", [("ftp", "--tls=require"), ("ftps", "--insecure")])
def test_a_kernel_without_TLS(scheme, option, vsftpd, kftp, target):
    """It ends at once, before anything is sent, and names what the kernel lacks."""
    mark = vsftpd.mark()
    failed = kftp.get(option, vsftpd.url("file").replace("ftp://", f"{scheme}://"), retries=3)
    assert failed.status == 10 and failed.seconds < 30
    assert "CONFIG_TLS" in failed.stderr.splitlines()[-1]
    assert vsftpd.commands(mark) == [] and names(target) == []


@pytest.mark.skipif(KERNEL_HAS_TLS, reason="this kernel has TLS")
def test_a_kernel_without_TLS_does_the_rest(vsftpd, home, kftp, target):
    write_pattern(home / "file", 1000)
    assert json.loads(kftp.get("--json", "--tls=auto", vsftpd.url("file")).assert_done().stdout)["tls"] is None
    assert same_bytes(home / "file", target / "file")
