# SPDX-License-Identifier: GPL-2.0-or-later
"""kftp get brings the same bytes from every server, by every kind of data connection."""
import os
import subprocess

import pytest

from support import names, pattern, same_bytes, sizes_now, wait_until, write_pattern

MIB = 1 << 20
HOSTS = {"IPv4": "127.0.0.1", "IPv6": "[::1]"}
SIZES = {"0-bytes": 0, "1-byte": 1, "1-MiB": MIB}
#: the commands by which each kind of data connection may be asked for
DATA_COMMANDS = {("passive", "IPv4"): {"EPSV", "PASV"}, ("passive", "IPv6"): {"EPSV"},
                 ("active", "IPv4"): {"EPRT", "PORT"}, ("active", "IPv6"): {"EPRT"}}


@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES.keys())
@pytest.mark.parametrize("family", HOSTS)
@pytest.mark.parametrize("mode", ["passive", "active"])
def test_every_server_gives_the_same_bytes(server, mode, family, size, home, kftp, target):
    write_pattern(home / "file", size)
    mark = server.mark()
    kftp.get(*(["--active"] if mode == "active" else []), server.url("file", HOSTS[family])).assert_done()
    assert same_bytes(home / "file", target / "file")
    assert names(target) == ["file"]
    sent = {line.split()[0] for line in server.commands(mark)}
    assert sent & {"EPSV", "PASV", "EPRT", "PORT"} <= DATA_COMMANDS[mode, family]
    assert sent & DATA_COMMANDS[mode, family]


def download_256_MiB(server, home, kftp, target):
    write_pattern(home / "big", 256 * MIB)
    kftp.get(server.url("big"), "got").assert_done()
    assert same_bytes(home / "big", target / "got")


def test_256_MiB(vsftpd, home, kftp, target):
    download_256_MiB(vsftpd, home, kftp, target)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["proftpd", "pure-ftpd", "pyftpdlib"])
def test_256_MiB_from_the_other_servers(name, servers, home, kftp, target):
    download_256_MiB(servers.get(name), home, kftp, target)


def test_a_session_ends_with_QUIT(vsftpd, home, kftp):
    write_pattern(home / "file", 10)
    mark = vsftpd.mark()
    kftp.get(vsftpd.url("file")).assert_done()
    assert vsftpd.commands(mark)[-1] == "QUIT"


def test_the_last_part_of_the_path_names_the_file(vsftpd, home, kftp, target):
    (home / "a" / "b").mkdir(parents=True)
    write_pattern(home / "a" / "b" / "name", 100)
    kftp.get(vsftpd.url("a/b/name")).assert_done()
    assert names(target) == ["name"]


def test_an_existing_directory_receives_the_file(vsftpd, home, kftp, target):
    write_pattern(home / "file", 100)
    (target / "sub").mkdir()
    kftp.get(vsftpd.url("file"), "sub").assert_done()
    assert same_bytes(home / "file", target / "sub" / "file")
    assert names(target / "sub") == ["file"]


def test_an_existing_file_is_replaced(vsftpd, home, kftp, target):
    write_pattern(home / "file", 100)
    (target / "file").write_bytes(b"old and longer" * 100)
    kftp.get(vsftpd.url("file")).assert_done()
    assert same_bytes(home / "file", target / "file")


def test_a_running_download_leaves_an_existing_file_as_it_was(slow_server, home, kftp, target):
    write_pattern(home / "file", 8 * MIB)
    (target / "file").write_bytes(b"old")
    server = slow_server("vsftpd", rate=MIB)
    running = kftp.start_get(server.url("file"))
    wait_until(lambda: running.process.poll() is not None or any(size for name, size in sizes_now(target).items() if name != "file"),
               "no data came")
    assert running.process.poll() is None, "ended before it was looked at"
    assert (target / "file").read_bytes() == b"old"


def test_a_path_that_begins_with_percent_2f_is_absolute(vsftpd, tmp_path, kftp, target):
    outside = tmp_path / "outside"
    outside.mkdir()
    for directory in (tmp_path, tmp_path.parent, tmp_path.parent.parent):
        directory.chmod(0o755)
    write_pattern(outside / "file", 100)
    kftp.get(vsftpd.url(f"%2f{str(outside)[1:]}/file")).assert_done()
    assert same_bytes(outside / "file", target / "file")


#: each name as the server has it, and how the URL says it
HARD_NAMES = [
    ("two words", "two%20words"),
    (" spaces around ", "%20spaces%20around%20"),
    ("grün-日本.txt", "gr%C3%BCn-%E6%97%A5%E6%9C%AC.txt"),
    ("grün-日本.txt", "grün-日本.txt"),
    ("100%", "100%25"),
    ("a;b", "a%3Bb"),
    ("q?#", "q%3F%23"),
    ('quote"d', "quote%22d"),
    ("-dash", "-dash"),
]


def download_hard_names(server, home, kftp, target):
    for number, (name, in_url) in enumerate(HARD_NAMES):
        write_pattern(home / name, 100, seed=number)
        kftp.get(server.url(in_url)).assert_done()
        assert same_bytes(home / name, target / name), name
    assert names(target) == sorted({name for name, _ in HARD_NAMES})


def test_names_that_are_hard_to_write(vsftpd, home, kftp, target):
    download_hard_names(vsftpd, home, kftp, target)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["proftpd", "pure-ftpd", "pyftpdlib"])
def test_names_that_are_hard_to_write_on_the_other_servers(name, servers, home, kftp, target):
    download_hard_names(servers.get(name), home, kftp, target)


def test_a_name_in_another_encoding_keeps_its_bytes(vsftpd, home, kftp, target):
    remote = os.fsencode(home) + b"/caf\xe9"
    with open(remote, "wb") as f:
        f.write(b"latin 1")
    os.chmod(remote, 0o644)
    kftp.get(vsftpd.url("caf%E9")).assert_done()
    assert os.listdir(os.fsencode(target)) == [b"caf\xe9"]


def test_the_source_address_is_used_for_both_connections(vsftpd, home, kftp, target):
    write_pattern(home / "file", 100)
    mark = vsftpd.mark()
    kftp.get("--source=127.0.0.77", "--active", vsftpd.url("file")).assert_done()
    told = [line for line in vsftpd.commands(mark) if line.startswith(("EPRT", "PORT"))]
    assert told and ("127.0.0.77" in told[0] or "127,0,0,77" in told[0])
    assert 'Client "::ffff:127.0.0.77"' in vsftpd.log_text()


@pytest.fixture
def far_network():
    """A network namespace "far", 10.9.0.2, connected to this one, 10.9.0.1."""
    for command in ("ip netns add far", "ip link add here type veth peer name there netns far",
                    "ip addr add 10.9.0.1/24 dev here", "ip link set here up",
                    "ip -n far addr add 10.9.0.2/24 dev there", "ip -n far link set there up"):
        subprocess.run(command.split(), check=True)
    yield "far"
    subprocess.run(["ip", "link", "del", "here"], check=True)  # which goes away later, otherwise
    subprocess.run(["ip", "netns", "del", "far"], check=True)


def test_a_download_uses_the_network_namespace_of_its_caller(far_network, slow_server, home, kftp, target):
    write_pattern(home / "file", 1000)
    server = slow_server("vsftpd")
    kftp.get(server.url("file", "10.9.0.1"), prefix=["ip", "netns", "exec", far_network]).assert_done()
    assert same_bytes(home / "file", target / "file")
    assert 'Client "::ffff:10.9.0.2"' in server.log_text()


def test_eight_downloads_at_once(vsftpd, home, kftp, target):
    for i in range(8):
        (home / f"file{i}").write_bytes(pattern(MIB // 4, seed=i))
        (home / f"file{i}").chmod(0o644)
    for running in [kftp.start_get(vsftpd.url(f"file{i}")) for i in range(8)]:
        running.wait().assert_done()
    for i in range(8):
        assert same_bytes(home / f"file{i}", target / f"file{i}")
