# SPDX-License-Identifier: GPL-2.0-or-later
"""Transfers and listings through a real SOCKS5 server (microsocks) and a real HTTP proxy (tinyproxy)."""
import pytest

from servers.proxies import Microsocks, Tinyproxy
from servers.real import free_port
from support import names, same_bytes, write_pattern

MIB = 1 << 20
PROXY_USER, PROXY_PASSWORD = "proxy-user", "proxy-secret.42"  # tinyproxy takes letters, digits and -._ only


@pytest.fixture(scope="module")
def proxies():
    """Both kinds, open to everybody and to those with the password only, each started when first asked for."""
    running = {}
    kinds = {"socks5": (Microsocks, {}), "http": (Tinyproxy, {}),
             "socks5-login": (Microsocks, {"user": PROXY_USER, "password": PROXY_PASSWORD}),
             "http-login": (Tinyproxy, {"user": PROXY_USER, "password": PROXY_PASSWORD})}

    def get(name):
        if name not in running:
            make, arguments = kinds[name]
            running[name] = make(f"/run/proxies/{name}", **arguments).start()
        return running[name]

    yield get
    for proxy in running.values():
        proxy.stop()


@pytest.fixture
def proxy_password_file(tmp_path):
    path = tmp_path / "proxy-password"
    path.write_text(PROXY_PASSWORD + "\n")
    path.chmod(0o600)
    return path


def options(proxy, password_file):
    """How the command is told of the proxy."""
    if not proxy.user:
        return [f"--proxy={proxy.url()}"]
    return [f"--proxy={proxy.url(proxy.user)}", f"--proxy-password-file={password_file}"]


def check_all_through(proxy, mark, server, data_connections):
    """The proxy has made the control connection, and these data connections: nothing went past it."""
    ports = proxy.ports(mark)
    assert ports.count(server.port) == 1, ports
    assert len(ports) == 1 + data_connections, ports


def transfer_both_ways(proxy, server, host, home, kftp, target, password_file):
    write_pattern(home / "down", MIB + 1, seed=1)
    write_pattern(target / "up", MIB + 2, seed=2)
    through = options(proxy, password_file)

    mark = proxy.mark()
    kftp.get(*through, server.url("down", host)).assert_done()
    assert same_bytes(home / "down", target / "down")
    check_all_through(proxy, mark, server, 1)

    mark = proxy.mark()
    kftp.verb("put", *through, "up", server.url("", host)).assert_done()
    assert same_bytes(home / "up", target / "up")
    assert names(home) == ["down", "up"]
    check_all_through(proxy, mark, server, 1)

    mark = proxy.mark()
    shown = kftp.verb("ls", "--json", *through, server.url("", host)).assert_done().json
    assert {entry["name"]: entry["size"] for entry in shown} == {"down": MIB + 1, "up": MIB + 2}
    check_all_through(proxy, mark, server, 1)


@pytest.mark.parametrize("name", ["socks5", "socks5-login", "http", "http-login"])
def test_download_upload_and_listing(name, proxies, vsftpd, home, kftp, target, proxy_password_file):
    transfer_both_ways(proxies(name), vsftpd, "127.0.0.1", home, kftp, target, proxy_password_file)


@pytest.mark.slow
@pytest.mark.parametrize("name,host", [("socks5", "[::1]"), ("http", "localhost")])
def test_every_server_and_kind_of_address(name, host, proxies, server, home, kftp, target):
    transfer_both_ways(proxies(name), server, host, home, kftp, target, None)


def test_several_files_over_one_session(proxies, vsftpd, home, kftp, target):
    for i in range(3):
        write_pattern(home / f"file{i}", 1000, seed=i)
    proxy = proxies("socks5")
    mark = proxy.mark()
    kftp.get(*options(proxy, None), *(vsftpd.url(f"file{i}") for i in range(3)), target).assert_done()
    assert names(target) == ["file0", "file1", "file2"]
    check_all_through(proxy, mark, vsftpd, 3)


def test_the_proxy_of_the_environment(proxies, vsftpd, home, kftp, target):
    write_pattern(home / "file", 1000)
    proxy = proxies("socks5")
    mark = proxy.mark()
    kftp.get(vsftpd.url("file"), prefix=["env", f"ftp_proxy={proxy.url()}"]).assert_done()
    check_all_through(proxy, mark, vsftpd, 1)
    mark = proxy.mark()
    kftp.get(vsftpd.url("file"), prefix=["env", f"ftp_proxy={proxy.url()}", "no_proxy=127.0.0.1"]).assert_done()
    assert proxy.ports(mark) == []


# ---- proxies that refuse

@pytest.mark.parametrize("name", ["socks5-login", "http-login"])
def test_a_wrong_password_for_the_proxy(name, proxies, vsftpd, home, kftp, target, tmp_path):
    wrong = tmp_path / "wrong"
    wrong.write_text("wrong-but-secret\n")
    wrong.chmod(0o600)
    proxy = proxies(name)
    mark = vsftpd.mark()
    failed = kftp.get(*options(proxy, wrong), vsftpd.url("file"), retries=3).assert_failed(4)
    assert f"127.0.0.1:{proxy.port}" in failed.stderr
    assert "wrong-but-secret" not in failed.stderr
    assert vsftpd.commands(mark) == [] and names(target) == []


@pytest.mark.parametrize("name", ["socks5-login", "http-login"])
def test_a_proxy_that_wants_a_login(name, proxies, vsftpd, kftp):
    proxy = proxies(name)
    failed = kftp.get(f"--proxy={proxy.url()}", vsftpd.url("file")).assert_failed(4)
    assert "--proxy-password-file" in failed.stderr


def test_an_http_proxy_that_allows_another_port_only(vsftpd, home, kftp, target, tmp_path):
    """As most do for port 443: the message has its words."""
    proxy = Tinyproxy(tmp_path / "strict", allowed=443).start()
    try:
        failed = kftp.get(f"--proxy={proxy.url()}", vsftpd.url("file"), retries=3).assert_failed(6)
    finally:
        proxy.stop()
    assert f"127.0.0.1:{proxy.port}" in failed.stderr and "403" in failed.stderr
    assert names(target) == []


def test_an_http_proxy_that_allows_the_control_connection_only(vsftpd, home, kftp, target, tmp_path):
    write_pattern(home / "file", 10)
    proxy = Tinyproxy(tmp_path / "strict", allowed=vsftpd.port).start()
    try:
        failed = kftp.get(f"--proxy={proxy.url()}", vsftpd.url("file")).assert_failed(6)
    finally:
        proxy.stop()
    assert f"127.0.0.1:{proxy.port}" in failed.stderr
    assert names(target) == []


@pytest.mark.parametrize("name", ["socks5", "http"])
def test_a_server_that_the_proxy_cannot_reach(name, proxies, kftp, target):
    proxy, port = proxies(name), free_port()
    failed = kftp.get(f"--proxy={proxy.url()}", f"ftp://user@127.0.0.1:{port}/file").assert_failed(6)
    assert f"127.0.0.1:{proxy.port}" in failed.stderr and str(port) in failed.stderr
    assert names(target) == []


@pytest.mark.parametrize("scheme", ["socks5", "http"])
def test_no_proxy_there(scheme, vsftpd, home, kftp, target):
    """Nothing goes past it, either."""
    write_pattern(home / "file", 10)
    mark, port = vsftpd.mark(), free_port()
    failed = kftp.get(f"--proxy={scheme}://127.0.0.1:{port}", vsftpd.url("file")).assert_failed(6)
    assert f"127.0.0.1:{port}" in failed.stderr
    assert vsftpd.commands(mark) == [] and names(target) == []


def test_a_server_that_is_no_proxy(vsftpd, home, kftp, target):
    failed = kftp.get("--timeout=5", f"--proxy=socks5://127.0.0.1:{vsftpd.port}", vsftpd.url("file")).assert_failed(6)
    assert f"127.0.0.1:{vsftpd.port}" in failed.stderr


@pytest.mark.parametrize("arguments", [["--proxy=ftp://h"], ["--proxy=socks4://h"], ["--proxy=http://u:p@h"], ["--proxy=http://h/path"],
                                       ["--active", "--proxy=http://127.0.0.1:1"]], ids=" ".join)
def test_bad_usage(arguments, kftp, target):
    failed = kftp.run("get", *arguments, "ftp://127.0.0.1:9/file").assert_failed(2)
    assert "proxy" in failed.stderr
