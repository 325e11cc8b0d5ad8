# SPDX-License-Identifier: GPL-2.0-or-later
"""Mirrors where the tree here is not all files and directories, or changes while it is mirrored."""
import os
import signal
import socket
import stat

import pytest

from mirrors import mirror, read, write  # noqa: F401
from support import size_now, wait_until

#: of a path, in bytes, with the NUL at its end
PATH_MAX = 4096


def make_special(directory):
    """One of each kind that is neither file nor directory nor link."""
    directory.mkdir(parents=True, exist_ok=True)
    os.mkfifo(directory / "fifo")
    os.mknod(directory / "device", 0o666 | stat.S_IFCHR, os.makedev(1, 3))
    with socket.socket(socket.AF_UNIX) as s:
        s.bind(str(directory / "socket"))
    return ["fifo", "device", "socket"]


def test_special_files_are_not_sent(vsftpd, mirror):
    """Nor waited for, as a pipe would be."""
    special = make_special(mirror.here)
    write(mirror.here, {"file": b"one"})
    mirror.up(vsftpd).assert_moved("file")
    assert not [name for name in special if (mirror.there / name).exists()]


def test_special_files_are_not_replaced(vsftpd, mirror):
    """Each of them is named, and stays what it is."""
    special = make_special(mirror.here)
    before = {name: os.lstat(mirror.here / name) for name in special}
    write(mirror.there, {name: b"a file" for name in [*special, "file"]})
    mirror.down(vsftpd, status=3).assert_moved("file").assert_failed_for(*special)
    for name in special:
        assert os.lstat(mirror.here / name).st_mode == before[name].st_mode


def test_a_file_that_comes_into_being_meanwhile_is_not_replaced(vsftpd, kftp, mirror):
    """What somebody has written here after the mirror has looked is nothing that the mirror knows."""
    write(mirror.there, {"x": bytes(200000), "y": b"after it"})
    mirror.give()
    running = kftp.start_verb("mirror", "--limit-rate=50K", "--parallel=1", vsftpd.url("there"), mirror.here)
    partial = mirror.here / ".x.kftp-part"
    wait_until(lambda: size_now(partial) > 0, "nothing came")
    (mirror.here / "x").write_bytes(b"somebody's")
    result = running.wait()
    assert result.status == 3, result.stderr
    assert "x: it came into being here meanwhile" in result.stderr
    assert (mirror.here / "x").read_bytes() == b"somebody's"
    assert (mirror.here / "y").read_bytes() == b"after it"


def test_a_file_that_another_transfer_has(vsftpd, kftp, mirror):
    """It is named, and the rest goes on."""
    write(mirror.there, {"x": bytes(200000), "y": b"after it"})
    mirror.give()
    mirror.here.mkdir()
    other = kftp.start_get("--limit-rate=60K", vsftpd.url("there/x"), mirror.here)
    partial = mirror.here / ".x.kftp-part"
    wait_until(lambda: size_now(partial) > 0, "nothing came")
    other.signal(signal.SIGSTOP)
    assert size_now(partial), "the other transfer was over too early to tell"
    result = mirror.kftp.verb("mirror", vsftpd.url("there"), mirror.here)
    other.signal(signal.SIGCONT)
    assert result.status == 3, result.stderr
    assert "another transfer to " in result.stderr
    assert (mirror.here / "y").read_bytes() == b"after it"
    other.wait().assert_done()
    assert (mirror.here / "x").stat().st_size == 200000


def test_no_server_makes_a_file_setuid(vsftpd, mirror):
    mode = 0o6711
    write(mirror.there, {"x": b"#!", "d/y": b"#!"})
    mirror.give()
    (mirror.there / "x").chmod(mode)
    (mirror.there / "d").chmod(mode)
    mirror.run(vsftpd, vsftpd.url("there"), mirror.here, "--permissions").assert_moved("x", "d/y")
    for name in ("x", "d"):
        assert stat.S_IMODE((mirror.here / name).stat().st_mode) == mode & 0o777
    mirror.run(vsftpd, vsftpd.url("there"), mirror.here, "--permissions").assert_nothing_moved()


def test_links_that_lead_back_are_not_followed_without_end(vsftpd, mirror):
    write(mirror.here, {"a/b/file": b"one", "c/file": b"two"})
    for link, to in {"a/b/up": "..", "a/b/self": ".", "a/b/top": "../..", "a/c": "../c", "c/a": "../a"}.items():
        (mirror.here / link).symlink_to(to)
    done = mirror.up(vsftpd, status=3)
    sent = read(mirror.there)
    assert sent == {"a/b/file": b"one", "c/file": b"two", "a/c/file": b"two", "c/a/b/file": b"one"}, done.stderr


@pytest.mark.slow
def test_a_source_that_is_deeper_than_paths_can_be(vsftpd, mirror):
    """What lies too deep is named; what does not is sent."""
    write(mirror.here, {"file": b"one", "deep/file": b"two"})
    name, length = "d" * 250, len("deep")
    fd = os.open(mirror.here / "deep", os.O_RDONLY)
    while length < PATH_MAX + 300:
        os.mkdir(name, dir_fd=fd)
        below = os.open(name, os.O_RDONLY, dir_fd=fd)
        os.close(fd)
        fd, length = below, length + 1 + len(name)
    os.close(os.open("lost", os.O_WRONLY | os.O_CREAT, dir_fd=fd))
    os.close(fd)
    done = mirror.up(vsftpd, status=3)
    assert "lost" not in done.stderr
    assert set(done.moved()) == {"file", "deep/file"}
    assert len(done.failures()) == 1, done.failures()
