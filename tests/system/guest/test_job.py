# SPDX-License-Identifier: GPL-2.0-or-later
"""From a job file to a file and a record in the journal."""
import os
import pwd
import re
import stat
import time

import pytest

from feed import (JOBS, MESSAGE, MIB, ServerLog, Watcher, assert_appeared_complete, drop, job_text, limit_rate, offer,
                  received, records, run, sha256, wait_for, wait_for_record)


def test_a_dropped_job_file_fetches_a_file(target):
    digest = offer("reports/plain.bin", 3 * MIB + 17)
    log, watcher = ServerLog(), Watcher(target)
    drop("plain", job_text("reports/plain.bin", target / "plain.bin"))
    wait_for_record("plain", "JOB_DONE")

    final = target / "plain.bin"
    assert sha256(final) == digest
    assert_appeared_complete(watcher, "plain.bin")
    assert os.listdir(target) == ["plain.bin"], "nothing else remains"
    assert final.owner() == "kftp" and stat.S_IMODE(final.stat().st_mode) & 0o133 == 0
    assert log.commands("RETR") == ["reports/plain.bin"]
    assert "kept-secret" not in run("journalctl", "-o", "export", "-u", "kftpd").stdout


def test_the_record_of_a_file(target):
    """As "journalctl -o json" shows it: every field, in raw units."""
    size = 2 * MIB + 5
    offer("reports/record.bin", size)
    drop("record", job_text("reports/record.bin", target / "record.bin"))
    wait_for_record("record", "JOB_DONE")

    (r,) = records("record", "FILE_DONE")
    assert r["PRIORITY"] == "6"
    assert r["SYSLOG_IDENTIFIER"] == "kftpd"
    assert int(r["_UID"]) == pwd.getpwnam("kftp").pw_uid
    assert r["KFTP_RESULT"] == "done"
    assert r["KFTP_REMOTE"] == "ftp://ftp.acme.example/reports/record.bin"
    assert r["KFTP_LOCAL"] == str(target / "record.bin")
    assert r["KFTP_BYTES"] == str(size)
    assert r["KFTP_RESUMED_FROM"] == "0"
    assert r["KFTP_ATTEMPT"] == "1"
    assert r["KFTP_REPLY"].startswith("226 ") and r["KFTP_REPLY_CODE"] == "226"
    assert r["KFTP_PEER"] == "127.0.0.1:21"
    assert re.fullmatch(r"127\.0\.0\.1:\d+", r["KFTP_LOCAL_ADDR"])
    usec, rate = int(r["KFTP_USEC"]), int(r["KFTP_RATE"])
    assert 0 < usec < 180e6
    assert rate == pytest.approx(size * 1e6 / usec, rel=0.02)
    assert re.fullmatch(r"record: reports/record.bin -> \S+/record.bin: 2\.\d MiB in \S+.* \(.*/s\)", r["MESSAGE"])

    (d,) = records("record", "JOB_DONE")
    assert d["KFTP_FILES"] == "1" and d["KFTP_BYTES"] == str(size) and d["KFTP_RESULT"] == "done"
    assert d["MESSAGE"].startswith("record: done: 1 file, 2.")
    assert d["KFTP_REVISION"] == sha256(JOBS / "record.job")
    explained = run("journalctl", "-x", f"MESSAGE_ID={MESSAGE['FILE_DONE']}", "KFTP_JOB=record").stdout
    assert "man:kftp" in explained, "the catalog explains the record"


@pytest.mark.parametrize("host, mode, verb", [
    ("ftp.acme.example", "passive", "(?:EPSV|PASV)"), ("ftp.acme.example", "active", "(?:EPRT|PORT)"),
    ("[::1]", "passive", "EPSV"), ("[::1]", "active", "EPRT")])
def test_passive_and_active(target, host, mode, verb):
    name = f"{mode}-{'v6' if '[' in host else 'v4'}"
    digest = offer(f"{name}.bin", MIB)
    log = ServerLog()
    drop(name, job_text(f"{name}.bin", target / f"{name}.bin", host=host, source=f"DataConnection={mode}"))
    wait_for_record(name, "JOB_DONE")
    assert sha256(target / f"{name}.bin") == digest
    assert len(log.commands(verb)) == 1


def test_the_module_does_the_work(target):
    """In mid-transfer the device is in use, and the module cannot be removed."""
    offer("slow.bin", 8 * MIB)
    limit_rate(MIB)
    assert open("/sys/module/kftp/refcnt").read().strip() == "0"
    drop("module", job_text("slow.bin", target / "slow.bin"))
    wait_for("bytes arrive", lambda: received(target) > 0)
    assert open("/sys/module/kftp/refcnt").read().strip() == "1"
    assert run("rmmod", "kftp", check=False).returncode != 0
    wait_for_record("module", "JOB_DONE")
    assert open("/sys/module/kftp/refcnt").read().strip() == "0"


def test_a_bad_job_file_is_rejected_with_its_place(target):
    """The whole file is rejected; file, line and column stand in the message and in fields."""
    log = ServerLog()
    text = job_text("x.bin", target / "x.bin", job="Retries=many")
    drop("bad", text)
    r = wait_for_record("bad", "JOB_REJECTED")
    line = text.split("\n").index("Retries=many") + 1
    assert r["MESSAGE"].startswith(f"{JOBS}/bad.job:{line}:9: error: ")
    assert (r["CONFIG_FILE"], r["CONFIG_LINE"], r["CONFIG_COLUMN"]) == (f"{JOBS}/bad.job", str(line), "9")
    assert r["PRIORITY"] == "3"

    offer("x.bin", 100)
    drop("bad", job_text("x.bin", target / "x.bin"))  # mended
    wait_for_record("bad", "JOB_DONE")
    assert len(log.commands("RETR")) == 1, "the bad one was not run"


def test_a_path_that_the_service_cannot_write_is_rejected():
    """When it is loaded, with the drop-in to type."""
    offer("x.bin", 100)
    drop("readonly", job_text("x.bin", "/usr/local/x.bin"))
    r = wait_for_record("readonly", "JOB_REJECTED")
    assert re.match(rf"{JOBS}/readonly\.job:\d+:\d+: error: ", r["MESSAGE"])
    assert "ReadWritePaths=" in r["MESSAGE"]


def test_what_the_server_refuses_is_not_retried(target):
    log = ServerLog()
    drop("missing", job_text("no-such-file", target / "x"))
    r = wait_for_record("missing", "JOB_FAILED")
    assert r["KFTP_CLASS"] == "remote" and r["KFTP_REPLY_CODE"] == "550" and r["PRIORITY"] == "3"
    assert "not retried" in r["MESSAGE"] and "550" in r["MESSAGE"]
    assert len(log.commands("RETR")) <= 1
    assert os.listdir(target) == []


def test_a_wrong_password(target):
    offer("x.bin", 100)
    drop("password", job_text("x.bin", target / "x").replace("feed.password", "wrong.password"))
    r = wait_for_record("password", "JOB_FAILED")
    assert r["KFTP_CLASS"] == "authentication" and r["KFTP_REPLY_CODE"] == "530"
    assert os.listdir(target) == []


def test_once_for_each_revision(target):
    """Touching the file or restarting the daemon does not repeat a job, editing it does."""
    offer("once.bin", 1000)
    log = ServerLog()
    file = drop("once", job_text("once.bin", target / "once.bin"))
    wait_for_record("once", "JOB_DONE")

    file.touch()
    run("systemctl", "restart", "kftpd")
    run("systemctl", "reload", "kftpd")
    drop("marker", job_text("once.bin", target / "marker.bin"))  # loaded after all of that
    wait_for_record("marker", "JOB_DONE")
    time.sleep(1)
    assert len(records("once", "JOB_DONE")) == 1
    assert log.commands("RETR") == ["once.bin"] * 2

    digest = offer("once.bin", 2000)
    file.write_text(file.read_text() + "# edited\n")
    wait_for_record("once", "JOB_DONE", count=2)
    assert sha256(target / "once.bin") == digest


def test_removing_the_file_cancels_the_job(target):
    offer("cancel.bin", 20 * MIB)
    limit_rate(MIB)
    file = drop("cancel", job_text("cancel.bin", target / "cancel.bin"))
    wait_for("bytes arrive", lambda: received(target) > 0)
    file.unlink()
    r = wait_for_record("cancel", "JOB_CANCELLED")
    assert r["KFTP_RESULT"] == "cancelled" and int(r["KFTP_BYTES"]) < 20 * MIB
    wait_for("the device is free", lambda: open("/sys/module/kftp/refcnt").read().strip() == "0")
    assert not (target / "cancel.bin").exists()
