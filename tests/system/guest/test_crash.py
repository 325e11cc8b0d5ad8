# SPDX-License-Identifier: GPL-2.0-or-later
"""A transfer that is cut goes on from where it was durable, and the file appears complete or not at all.

Offsets become durable every 10 s: the server's rate is limited, so that the cut falls after that.
"""
import os
import signal
import time

from feed import (MIB, ServerLog, Watcher, assert_appeared_complete, drop, job_text, limit_rate, main_pid, offer,
                  received, records, run, sha256, wait_for, wait_for_record)

SIZE = 24 * MIB + 123


def begin(name, target, seconds):
    """Begins a slow transfer and waits until it has run for that long; returns the file's digest."""
    digest = offer(f"{name}.bin", SIZE)
    limit_rate(MIB)
    drop(name, job_text(f"{name}.bin", target / f"{name}.bin"))
    wait_for("bytes arrive", lambda: received(target) > 0)
    time.sleep(seconds)
    assert 0 < received(target) <= SIZE and not (target / f"{name}.bin").exists(), "in mid-transfer"
    return digest


def assert_resumed(name, log, at_least):
    """One REST, at the offset that the record tells."""
    r = wait_for_record(name, "FILE_DONE")
    offset = int(r["KFTP_RESUMED_FROM"])
    assert at_least <= offset < SIZE
    assert [int(o) for o in log.commands("REST") if o != "0"] == [offset]
    assert r["KFTP_BYTES"] == str(SIZE)


def test_kill_9_of_the_daemon(target):
    """systemd starts it again, and the job goes on."""
    log, watcher = ServerLog(), Watcher(target)
    digest = begin("killed", target, 13)
    old = main_pid()
    os.kill(old, signal.SIGKILL)
    limit_rate(0)
    wait_for("another kftpd", lambda: main_pid() not in (0, old))
    wait_for_record("killed", "JOB_DONE")
    assert_resumed("killed", log, MIB)
    assert sha256(target / "killed.bin") == digest
    assert_appeared_complete(watcher, "killed.bin")
    assert os.listdir(target) == ["killed.bin"]
    assert len(records("killed", "JOB_DONE")) == 1


def test_stop_is_at_a_resumable_point(target):
    """What had arrived before the stop need not be fetched again."""
    log, watcher = ServerLog(), Watcher(target)
    digest = begin("stopped", target, 3)
    run("systemctl", "stop", "kftpd")
    r = wait_for_record("stopped", "JOB_INTERRUPTED")
    arrived = int(r["KFTP_BYTES"])
    assert arrived >= MIB
    assert not (target / "stopped.bin").exists()
    limit_rate(0)
    run("systemctl", "start", "kftpd")
    wait_for_record("stopped", "JOB_DONE")
    assert_resumed("stopped", log, arrived)
    assert sha256(target / "stopped.bin") == digest
    assert_appeared_complete(watcher, "stopped.bin")


def test_a_remote_file_replaced_between_is_fetched_anew(target):
    log = ServerLog()
    begin("replaced", target, 3)
    run("systemctl", "stop", "kftpd")
    limit_rate(0)
    time.sleep(1.1)  # MDTM has seconds
    digest = offer("replaced.bin", SIZE)
    run("systemctl", "start", "kftpd")
    r = wait_for_record("replaced", "FILE_DONE")
    assert r["KFTP_RESUMED_FROM"] == "0"
    assert [o for o in log.commands("REST") if o != "0"] == []
    assert sha256(target / "replaced.bin") == digest


def test_kill_9_of_the_server_session(target):
    """The daemon tries again by itself, from where it was; the record tells what was there before that attempt."""
    log, watcher = ServerLog(), Watcher(target)
    digest = begin("server", target, 3)
    run("systemctl", "kill", "-s", "KILL", "vsftpd")
    limit_rate(0)
    run("systemctl", "restart", "vsftpd")
    r = wait_for_record("server", "JOB_DONE")
    assert int(r["KFTP_ATTEMPT"]) > 1
    assert len(records("server", "ATTEMPT_FAILED")) >= 1
    (offset,) = (int(o) for o in log.commands("REST") if o != "0")
    assert MIB < offset < SIZE
    assert int(r["KFTP_RESUMED_FROM"]) == offset
    assert sha256(target / "server.bin") == digest
    assert_appeared_complete(watcher, "server.bin")
