# SPDX-License-Identifier: GPL-2.0-or-later
"""The limits of the unit bind what the module does for it: the work is done in kftpd's own context.

What is compared are the kernel's own counters of the service's cgroup, and times that a limit makes longer: a slow machine
makes them longer still.
"""
import grp
import os
import pwd
import re
import shutil
import signal
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

from feed import (HOME, HOST, MIB, PASSWORD_FILE, ServerLog, drop, job_text, limit_rate, main_pid, offer, received, records, run,
                  sha256, wait_for, wait_for_record)

CGROUP = Path("/sys/fs/cgroup/system.slice/kftpd.service")


@contextmanager
def limited(*properties):
    """The service as it runs gets these properties, and loses them at the end."""
    run("systemctl", "set-property", "--runtime", "kftpd", *properties)
    try:
        yield
    finally:
        run("systemctl", "set-property", "--runtime", "kftpd", *(p.split("=")[0] + "=" for p in properties))


def counters(file):
    """Of a file of the cgroup that has a name and a number in each line."""
    return {name: int(number) for name, number in (line.split() for line in (CGROUP / file).read_text().splitlines())}


def bytes_written():
    """To all disks, by the service."""
    pairs = [pair.split("=") for pair in (CGROUP / "io.stat").read_text().split() if "=" in pair]
    return sum(int(number) for name, number in pairs if name == "wbytes")


def drop_transfer(name, remote, directory, job=""):
    drop(name, job_text(remote, directory / f"{name}.bin", job=job))


def transfer(name, remote, directory):
    """Runs a job that takes the file to its end; returns the record of that."""
    drop_transfer(name, remote, directory)
    return wait_for_record(name, "JOB_DONE")


@pytest.fixture
def outgoing():
    """A directory on the server that it lets one write to."""
    Path("/etc/vsftpd.d/feed").write_text("write_enable=YES\n")
    directory = HOME / "outgoing"
    directory.mkdir()
    shutil.chown(directory, "feed", "feed")
    yield directory
    shutil.rmtree(directory)


def test_cpu_quota_binds_transfers(target):
    """It is held up while bytes arrive, and uses no more in the whole."""
    quota, size = 0.1, 6 * MIB
    offer("cpu.bin", size)
    with limited(f"CPUQuota={quota:.0%}"):
        before, began = counters("cpu.stat"), time.monotonic()
        drop_transfer("cpu", "cpu.bin", target)
        wait_for("bytes arrive", lambda: received(target) > 0)
        held_up = counters("cpu.stat")["nr_throttled"]
        wait_for("it is held up", lambda: counters("cpu.stat")["nr_throttled"] >= held_up + 3)
        there = received(target)
        wait_for_record("cpu", "JOB_DONE")
        after, usec = counters("cpu.stat"), (time.monotonic() - began) * 1e6
    used = {name: after[name] - before[name] for name in after}
    assert 0 < there < size, "in mid-transfer"
    assert used["usage_usec"] <= quota * usec * 1.5


def test_io_write_bandwidth_max_binds_transfers(target):
    """What the module writes is the service's, and no job ends before it is on the disk."""
    size, limit = 4 * MIB, MIB
    offer("io.bin", size)
    with limited(f"IOWriteBandwidthMax=/srv/ftp {limit}"):
        before = bytes_written()
        slow = int(transfer("io-limited", "io.bin", target)["KFTP_USEC"])
        written = bytes_written() - before
    assert size <= written < 2 * size
    assert size / (slow / 1e6) < 1.5 * limit
    # a free one may have to wait for something else, but not each time
    assert any(int(transfer(f"io-free-{n}", "io.bin", target)["KFTP_USEC"]) < slow / 2 for n in range(3))


def test_memory_max_binds_transfers(target):
    """The pages that the module writes are the service's: it gets no more of them, and the transfer goes on for that."""
    size, limit = 16 * MIB, 10 * MIB
    digest = offer("memory.bin", size)
    transfer("memory-free", "memory.bin", target)
    assert counters("memory.stat")["file"] > limit
    with limited(f"MemoryMax={limit}"):
        before = counters("memory.events")
        transfer("memory-limited", "memory.bin", target)
        after, current = counters("memory.events"), int((CGROUP / "memory.current").read_text())
    assert after["max"] > before["max"] and after["oom_kill"] == before["oom_kill"]
    assert current <= limit
    assert sha256(target / "memory-limited.bin") == digest


@pytest.mark.slow
def test_limits_bind_uploads(target, outgoing):
    """The pages that the module reads from the disk are the service's, too, and so is the time to send them."""
    size, limit = 16 * MIB, 10 * MIB
    source = target / "up.bin"
    source.write_bytes(os.urandom(size))
    run("sync")
    Path("/proc/sys/vm/drop_caches").write_text("3\n")
    with limited("CPUQuota=10%", f"MemoryMax={limit}"):
        before = counters("cpu.stat") | counters("memory.events")
        drop("up", f"[Source]\nPath={source}\n"
             f"[Target]\nURL=ftp://{HOST}/outgoing/up.bin\nUser=feed\nPasswordFile={PASSWORD_FILE}\n")
        wait_for("bytes arrive", lambda: any(path.stat().st_size > 0 for path in outgoing.iterdir()))
        held_up = counters("cpu.stat")["nr_throttled"]
        wait_for("it is held up", lambda: counters("cpu.stat")["nr_throttled"] >= held_up + 3)
        there = sum(path.stat().st_size for path in outgoing.iterdir())
        wait_for_record("up", "JOB_DONE")
        after, current = counters("cpu.stat") | counters("memory.events"), int((CGROUP / "memory.current").read_text())
    assert there < size, "in mid-transfer"
    assert after["max"] > before["max"] and after["oom_kill"] == before["oom_kill"] and current <= limit
    assert sha256(outgoing / "up.bin") == sha256(source)


def test_ip_address_deny_binds_transfers_under_way(target):
    """Not a packet comes or goes, of neither the connections there are nor new ones; allowed again, the job goes on."""
    digest = offer("denied.bin", 12 * MIB)
    limit_rate(MIB)
    log = ServerLog()
    drop_transfer("denied", "denied.bin", target, job="TimeoutSec=3s\nRetrySec=500ms\nRetries=30")
    wait_for("bytes arrive", lambda: received(target) > MIB)
    with limited("IPAddressDeny=127.0.0.0/8"):
        failed = len(records("denied", "ATTEMPT_FAILED"))
        stalled = wait_for_record("denied", "ATTEMPT_FAILED", count=failed + 1)
        there, sessions = received(target), log.commands("USER")
        refused = wait_for_record("denied", "ATTEMPT_FAILED", count=failed + 2)
        assert received(target) == there and log.commands("USER") == sessions
        limit_rate(0)
    assert stalled["KFTP_CLASS"] == refused["KFTP_CLASS"] == "network"
    assert "nothing came within 3 s" in stalled["MESSAGE"] and "no answer within 3 s" in refused["MESSAGE"]
    assert "ftp.acme.example:21 (127.0.0.1:21)" in refused["MESSAGE"]
    wait_for_record("denied", "JOB_DONE")
    assert sha256(target / "denied.bin") == digest


def test_reload_loses_no_transfer(target):
    """The same process goes on with the same transfer. The status line counts it, and what cannot run."""
    digest = offer("reload.bin", 10 * MIB)
    limit_rate(MIB)
    drop("wrong", "[Job]\nRetries=many\n")
    drop("refused", job_text("no-such-file", target / "x"))
    wait_for_record("refused", "JOB_FAILED")
    log, pid = ServerLog(), main_pid()
    drop_transfer("reload", "reload.bin", target)
    wait_for("bytes arrive", lambda: received(target) > 0)
    run("systemctl", "reload", "kftpd")
    there = received(target)
    wait_for("it goes on", lambda: received(target) > there > 0)
    status = ("systemctl", "show", "-P", "StatusText", "kftpd")
    wait_for("the status line", lambda: run(*status).stdout == "1 running, 0 queued, 1 failed, 1 rejected\n")
    done = wait_for_record("reload", "FILE_DONE")
    wait_for("it is idle", lambda: run(*status).stdout == "0 running, 0 queued, 1 failed, 1 rejected\n")
    assert main_pid() == pid
    assert done["KFTP_RESUMED_FROM"] == "0" and done["KFTP_ATTEMPT"] == "1"
    assert log.commands("RETR") == ["reload.bin"] and [o for o in log.commands("REST") if o != "0"] == []
    assert sha256(target / "reload.bin") == digest


@pytest.fixture
def short_watchdog():
    """The service with a watchdog that does not wait a minute."""
    directory = Path("/run/systemd/system/kftpd.service.d")
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "watchdog.conf").write_text("[Service]\nWatchdogSec=5s\nRestartSec=100ms\n")
    run("systemctl", "daemon-reload")
    run("systemctl", "restart", "kftpd")
    yield
    (directory / "watchdog.conf").unlink()
    run("systemctl", "daemon-reload")
    run("systemctl", "restart", "kftpd")


def test_the_watchdog_ends_a_daemon_that_hangs(target, short_watchdog):
    """systemd kills it and starts it again, and its transfer goes on."""
    digest = offer("hangs.bin", 10 * MIB)
    limit_rate(MIB)
    drop_transfer("hangs", "hangs.bin", target)
    wait_for("bytes arrive", lambda: received(target) > 0)
    pid = main_pid()
    limit_rate(0)
    os.kill(pid, signal.SIGSTOP)
    wait_for("another kftpd", lambda: main_pid() not in (0, pid))
    wait_for_record("hangs", "JOB_DONE")
    said = run("journalctl", "-b", "-o", "cat", "--no-pager", "_PID=1", "UNIT=kftpd.service").stdout
    assert "kftpd.service: Watchdog timeout (limit 5s)!" in said
    assert len(records("hangs", "JOB_DONE")) == 1
    assert os.listdir(target) == ["hangs.bin"] and sha256(target / "hangs.bin") == digest


def test_the_daemon_runs_as_its_user():
    """In the group that may open the device, and with nothing of root's."""
    status = Path(f"/proc/{main_pid()}/status").read_text()
    uid, gid, users = pwd.getpwnam("kftp").pw_uid, grp.getgrnam("kftp").gr_gid, grp.getgrnam("kftp-users").gr_gid
    assert re.search(rf"^Uid:\t{uid}\t{uid}\t{uid}\t{uid}$", status, re.M)
    assert re.search(rf"^Gid:\t{gid}\t{gid}\t{gid}\t{gid}$", status, re.M)
    assert set(re.search(r"^Groups:\t(.*)$", status, re.M)[1].split()) <= {str(gid), str(users)}
    assert re.search(r"^CapPrm:\t0+$", status, re.M)


def test_security_score():
    """As systemd itself rates the service that runs: 2.0 at most."""
    said = run("systemd-analyze", "security", "--no-pager", "--threshold=20", "kftpd.service").stdout
    assert re.search(r"Overall exposure level for kftpd\.service: [01]\.\d|2\.0 ", said)


# ---- Who may do what ------------------------------------------------------------------------------------

ORDINARY = ("setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups")
MEMBER = ("setpriv", "--reuid=nobody", "--regid=nogroup", "--groups=kftp-users")
MANAGER = ("org.kftp1", "/org/kftp1", "org.kftp1.Manager")


def test_the_bus_is_for_those_who_may_use_the_device(target):
    """The others get nothing; members of the group see jobs, root runs them. Who is refused is told what is needed."""
    offer("policy.bin", 1000)
    transfer("policy", "policy.bin", target)
    said = run(*ORDINARY, "kftp", "list", check=False)
    assert said.returncode == 9 and "sudo usermod -aG kftp-users nobody" in said.stdout and "policy" not in said.stdout
    said = run(*ORDINARY, "busctl", "get-property", *MANAGER, "Version", check=False)
    assert said.returncode != 0 and "denied" in said.stdout.lower()

    assert re.search(r"^policy\b", run(*MEMBER, "kftp", "list").stdout, re.M)
    for verb in ("run", "cancel", "retry"):
        said = run(*MEMBER, "kftp", verb, "policy", check=False)
        assert said.returncode == 9 and "by root, or the user kftp: try sudo kftp" in said.stdout, said.stdout
    said = run(*MEMBER, "busctl", "call", *MANAGER, "Reload", check=False)
    assert said.returncode != 0 and "denied" in said.stdout.lower()

    assert len(records("policy", "JOB_DONE")) == 1
    run("kftp", "run", "--wait", "policy")
    assert len(records("policy", "JOB_DONE")) == 2
