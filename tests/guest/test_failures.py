# SPDX-License-Identifier: GPL-2.0-or-later
"""Each failure has its exit status and one clear line, and leaves nothing behind."""
import subprocess

import pytest

import support
from servers.real import free_port
from servers.scripted import ScriptedServer
from support import names, write_pattern

MIB = 1 << 20


def mount_tmpfs(path, options):
    path.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", path], check=True)


@pytest.fixture
def full(tmp_path):
    """A file system with room for 512 KiB."""
    mount_tmpfs(tmp_path / "full", "size=512k")
    yield tmp_path / "full"
    subprocess.run(["umount", "-l", tmp_path / "full"], check=True)


@pytest.fixture
def read_only(tmp_path):
    mount_tmpfs(tmp_path / "ro", "ro")
    yield tmp_path / "ro"
    subprocess.run(["umount", "-l", tmp_path / "ro"], check=True)


@pytest.fixture
def wrong_password_file(tmp_path):
    path = tmp_path / "wrong"
    path.write_text("wrong\n")
    path.chmod(0o600)
    return path


def test_wrong_password(server, home, kftp, target, wrong_password_file):
    write_pattern(home / "file", 10)
    mark = server.mark()
    failed = kftp.run("get", f"--password-file={wrong_password_file}", "--retries=3", server.url("file")).assert_failed(4)
    assert f"127.0.0.1:{server.port}" in failed.stderr
    assert "530" in failed.stderr
    assert names(target) == []
    # trying again could lock the account
    assert len([line for line in server.commands(mark) if line.startswith("USER")]) == 1


def test_missing_file(server, home, kftp, target):
    failed = kftp.get(server.url("absent"), retries=3).assert_failed(5)
    assert "550" in failed.stderr and "absent" in failed.stderr
    assert names(target) == []


def test_a_directory_is_no_file(server, home, kftp, target):
    (home / "directory").mkdir()
    kftp.get(server.url("directory")).assert_failed(5)
    assert names(target) == []


def test_a_file_that_may_not_be_read(vsftpd, home, kftp, target):
    write_pattern(home / "file", 10)
    (home / "file").chmod(0)
    kftp.get(vsftpd.url("file")).assert_failed(5)
    assert names(target) == []


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]"])
def test_unreachable_port(host, kftp, target):
    port = free_port()
    failed = kftp.get(f"ftp://user@{host}:{port}/file").assert_failed(6)
    assert f"{host}:{port}" in failed.stderr
    assert names(target) == []


def test_unknown_host(kftp, target):
    failed = kftp.get("ftp://user@no-such-host.invalid/file").assert_failed(6)
    assert "no-such-host.invalid" in failed.stderr
    assert names(target) == []


def test_unreachable_port_is_tried_again(kftp):
    failed = kftp.get("--json", f"ftp://user@127.0.0.1:{free_port()}/file", retries=2)
    assert failed.status == 6
    assert failed.json["attempts"] == 3


def test_every_address_of_a_name_is_tried(home, kftp, target):
    """The name has two addresses; the server listens on the second only."""
    with open("/etc/hosts", "a") as hosts:
        hosts.write("::1 both.test\n127.0.0.1 both.test\n")
    with ScriptedServer({"file": b"data"}, host="127.0.0.1") as server:
        kftp.get(server.url("file", "both.test")).assert_done()
    assert (target / "file").read_bytes() == b"data"


def test_read_only_target(vsftpd, home, kftp, read_only):
    write_pattern(home / "file", 10)
    failed = kftp.get(vsftpd.url("file"), read_only).assert_failed(7)
    assert str(read_only) in failed.stderr


def test_absent_target_directory(vsftpd, home, kftp, target):
    write_pattern(home / "file", 10)
    kftp.get(vsftpd.url("file"), target / "absent" / "file").assert_failed(7)
    assert names(target) == []


def test_full_target(server, home, kftp, full):
    write_pattern(home / "file", 4 * MIB)
    failed = kftp.get(server.url("file"), full, retries=3).assert_failed(7)
    assert str(full) in failed.stderr
    assert names(full) == []


def test_full_target_when_the_size_is_not_known_before(kftp, full):
    replies = {"SIZE": b"502 No\r\n"}
    with ScriptedServer({"file": support.pattern(4 * MIB)}, replies) as server:
        kftp.get(server.url("file"), full).assert_failed(7)
    assert names(full) == []


def test_a_file_size_limit_is_a_local_error(vsftpd, home, kftp, target):
    write_pattern(home / "file", 4 * MIB)
    kftp.get(vsftpd.url("file"), prefix=["prlimit", f"--fsize={MIB}"]).assert_failed(7)
    assert names(target) == []


@pytest.fixture
def without_module(module):
    support.unload_module()
    yield
    support.load_module()


def test_absent_module(without_module, kftp, target):
    failed = kftp.get("ftp://user@127.0.0.1/file").assert_failed(9)
    assert "modprobe kftp" in failed.stderr
    assert names(target) == []


def test_device_that_may_not_be_opened(vsftpd, home, kftp, tmp_path):
    write_pattern(home / "file", 10)
    for directory in (tmp_path, tmp_path.parent, tmp_path.parent.parent):
        directory.chmod(0o755)
    (tmp_path / "own").mkdir()
    (tmp_path / "own").chmod(0o777)
    nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    failed = kftp.run("get", vsftpd.url("file"), prefix=nobody, cwd=tmp_path / "own").assert_failed(9)
    assert "kftp-users" in failed.stderr
    assert names(tmp_path / "own") == []
