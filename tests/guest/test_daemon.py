# SPDX-License-Identifier: GPL-2.0-or-later
"""kftpd with the real device and real servers, but without systemd: crashes at each step, many jobs at once.

How it stops, goes on and cancels with a real server is tested with systemd, in tests/system.
"""
import socket
import time

import pytest

import support
from support import LIMIT, same_bytes, wait_until, write_pattern

MIB = 1 << 20


def test_many_jobs_at_once(servers, home, daemon):
    """More than run at a time, from all servers, each way."""
    write_pattern(home / "file", MIB + 7)
    names = []
    for name in ("vsftpd", "proftpd", "pure-ftpd", "pyftpdlib"):
        for mode in ("passive", "active"):
            names.append(f"{name}-{mode}")
            daemon.drop(names[-1], servers.get(name).url("file"), f"[Source]\nDataConnection={mode}\n")
    daemon.start()
    daemon.wait_for(": done: 1 file", len(names))
    for name in names:
        assert same_bytes(home / "file", daemon.target / name)
        assert daemon.ledger(name)["state"] == "done"
    assert sorted(p.name for p in daemon.target.iterdir()) == sorted(names)
    assert daemon.stop()[0] == 0


@pytest.mark.parametrize("calls", ["rename,renameat,renameat2", "fsync,fdatasync"])
def test_killed_at_each_step(calls, servers, home, daemon):
    """SIGKILL before the first, the second ... such call, until none is left; a consumer takes what is
    delivered. The file arrives once, complete, and is reported."""
    write_pattern(home / "file", 300000)
    url = servers.get("pyftpdlib").url("file")  # the quickest to log in
    repeated = 0
    for step in range(1, 40):
        name = f"step{step}"
        daemon.drop(name, url)
        daemon.start("strace", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={calls}",
                     "-e", f"inject={calls}:signal=KILL:when={step}")
        wait_until(lambda: daemon.process.poll() is not None or
                   (daemon.said(f"{name}: done") and daemon.ledger(name)["reported"]), f"step {step} does not end")
        killed = daemon.process.poll() is not None
        delivered = []
        if killed:
            take(daemon.target / name, delivered, home)
            daemon.start()
            daemon.wait_for(f"{name}: done: 1 file")
            wait_until(lambda: daemon.ledger(name)["reported"], "the report is not noted")
        daemon.stop()
        take(daemon.target / name, delivered, home)
        assert len(delivered) == 1, f"delivered {len(delivered)} times when killed at step {step}"
        repeated += len(daemon.said(f"{name}: done: 1 file")) - 1
        if not killed:
            break
        (daemon.jobs / f"{name}.job").unlink()
    else:
        pytest.fail("it was killed at every step")
    assert step > 4, "the ledger alone has as many such calls"
    assert repeated <= 1, "only a crash between a report and its note repeats the report"
    assert not list(daemon.target.iterdir()), "something is left"


def take(path, delivered, home):
    """The consumer: takes the file away, if it is there, and looks at it."""
    if path.exists():
        assert same_bytes(home / "file", path)
        path.unlink()
        delivered.append(path)


def test_sigterm_does_not_wait_for_a_silent_server(daemon):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        daemon.drop("silent", f"ftp://127.0.0.1:{silent.getsockname()[1]}/x")
        daemon.start()
        silent.settimeout(LIMIT)
        connection, _ = silent.accept()
        with connection:
            time.sleep(0.5)
            status, seconds = daemon.stop()
    assert status == 0 and seconds < 10
    assert daemon.said("silent: interrupted at 0 B")


def test_jobs_wait_for_the_device(vsftpd, home, daemon):
    write_pattern(home / "file", 1000)
    support.unload_module()
    try:
        daemon.drop("early", vsftpd.url("file"))
        daemon.start()
        daemon.wait_for("/dev/kftp: ")
        assert not daemon.said("early: ")
    finally:
        support.load_module()
    daemon.wait_for("early: done: 1 file")
    daemon.wait_for("jobs are run again")
    assert len(daemon.said("jobs wait in the queue")) == 1
    assert daemon.ledger("early")["attempt"] == 1


def test_a_password_is_in_no_file_and_no_line(vsftpd, home, daemon):
    write_pattern(home / "file", 1000)
    daemon.drop("quiet", vsftpd.url("file"))
    daemon.start()
    daemon.wait_for("quiet: done: 1 file")
    daemon.stop()
    for path in (daemon.log, daemon.state / "ledger/quiet.json"):
        assert support.PASSWORD not in path.read_text()
