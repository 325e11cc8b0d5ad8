# SPDX-License-Identifier: GPL-2.0-or-later
"""kftpd and its directories, with a real server: which file of which directory says what is transferred, and what else lies there."""
import os
import random
import socket
import subprocess

from support import USER, same_bytes, wait_until, write_pattern


def put(path, text):
    """Puts a file in one piece, as people are told to."""
    path.parent.mkdir(exist_ok=True)
    new = path.with_name(".new")
    new.write_text(text)
    new.rename(path)


def test_files_of_a_job(servers, home, daemon):
    """A vendor's job is overridden by drop-ins and a shared server of the administrator's, masked, and comes back."""
    write_pattern(home / "file", 70000)
    server = servers.get("pyftpdlib")
    lib = daemon.directory / "lib"
    lib.mkdir()
    base = f"ftp://{server.host}:{server.port}/"
    put(lib / "shared.remote", f"[Remote]\nURL={base}none/\nUser={USER}\nPasswordFile={daemon.password_file}\n")
    put(lib / "feed.job", f"[Job]\nRetries=0\n[Source]\nRemote=shared\nURL=file\n[Target]\nPath={daemon.target}/vendor\n")
    daemon.start(options=[f"--config-dir={lib}"])
    daemon.wait_for("feed: failed:")  # there is no such directory
    put(daemon.jobs / "shared.remote", f"[Remote]\nURL={base}\nUser={USER}\nPasswordFile={daemon.password_file}\n")
    put(daemon.jobs / "feed.job.d/path.conf", f"[Target]\nPath={daemon.target}/admin\n")
    daemon.wait_for("feed: done: 1 file")
    assert same_bytes(home / "file", daemon.target / "admin")
    assert os.listdir(daemon.target) == ["admin"]

    (daemon.jobs / "feed.job").symlink_to("/dev/null")
    put(daemon.jobs / "feed.job.d/path.conf", f"[Target]\nPath={daemon.target}/masked\n")
    daemon.drop("other", server.url("file"))
    daemon.wait_for("other: done: 1 file")
    assert not (daemon.target / "masked").exists()
    (daemon.jobs / "feed.job").unlink()
    daemon.wait_for("feed: done: 1 file", 2)
    assert same_bytes(home / "file", daemon.target / "masked")
    assert daemon.stop()[0] == 0


def put_garbage(jobs):
    """Files that are no jobs; returns the names of those that have to be complained of."""
    noise = random.Random(6)
    files = {
        "random": noise.randbytes(65000), "line": b"x" * (1 << 20), "nul": bytes(4096), "empty": b"",
        "sections": b"[Job]\n" * 10000, "continued": b"[Job]\nDescription=" + b"\\\n" * 30000,
        "n" * 251: b"[Job]\n", "esc\x1b[2J": b"[Job]\n",
    }
    for name, data in files.items():
        (jobs / f"{name}.job").write_bytes(data)
    (jobs / "zero.job").symlink_to("/dev/zero")
    (jobs / "loop.job").symlink_to("loop.job")
    (jobs / "directory.job").mkdir()
    (jobs / "directory.job/directory.job").symlink_to("..")
    os.mkfifo(jobs / "fifo.job")
    with socket.socket(socket.AF_UNIX) as s:
        s.bind(str(jobs / "socket.job"))
    subprocess.run(["mknod", jobs / "device.job", "c", "1", "5"], check=True)
    for name in ("self", "inner"):
        (jobs / f"{name}.job").write_text("[Source]\nURL=ftp://127.0.0.1:1/x\n[Target]\nPath=/tmp/\n")
    (jobs / "self.job.d").symlink_to("self.job.d")
    (jobs / "inner.job.d").mkdir()
    (jobs / "inner.job.d/zero.conf").symlink_to("/dev/zero")
    return ["random", "line", "nul", "empty", "sections", "continued", "nnnn", r"esc\x1b[2J", "zero", "loop", "directory", "fifo",
            "socket", "device", "self", "inner"]


def test_garbage(servers, home, daemon):
    """Each has its error, and what is good is transferred, before and after."""
    write_pattern(home / "file", 1000)
    url = servers.get("pyftpdlib").url("file")
    names = put_garbage(daemon.jobs)
    daemon.drop("good", url)
    daemon.start()
    daemon.wait_for("good: done: 1 file")
    for name in names:
        assert daemon.said(f"{name}.job"), f"nothing is said about {name}:\n{daemon.log.read_text()}"
    said = daemon.log.read_bytes()
    assert b"\x1b" not in said and b"\0" not in said
    (daemon.jobs / "late.job").write_bytes(random.Random(7).randbytes(65000))
    daemon.wait_for("late.job:")
    daemon.drop("after", url)
    daemon.wait_for("after: done: 1 file")
    wait_until(lambda: daemon.ledger("after")["reported"], "the report is not noted")
    assert sorted(os.listdir(daemon.target)) == ["after", "good"]
    assert daemon.stop()[0] == 0
