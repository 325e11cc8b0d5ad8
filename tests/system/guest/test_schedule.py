# SPDX-License-Identifier: GPL-2.0-or-later
"""Jobs with OnCalendar=: dropping the file is all that is typed."""
import os
import re
import subprocess
import time
from pathlib import Path

import pytest

from feed import JOBS, MIB, drop, is_active, job_text, limit_rate, offer, records, run, wait_for, wait_for_record

GENERATOR = "/lib/systemd/system-generators/kftp-generator"
GENERATED = Path("/run/systemd/generator")
NIGHTLY = "OnCalendar=*-*-* 02:30:00\n"


def timers():
    """The schedules, by job, as an operator sees them."""
    listed = run("systemctl", "list-timers", "--all", "--no-legend", "--plain", "kftp@*").stdout
    return re.findall(r" kftp@(\S+)\.timer ", listed)


def timer(name, key):
    return run("systemctl", "show", "-P", key, f"kftp@{name}.timer").stdout.strip()


def last_reload():
    """When systemd ran its generators: it makes their directory anew."""
    return GENERATED.stat().st_ctime_ns if GENERATED.exists() else 0


def last_look():
    """When it was last found out what systemd has to know."""
    return int(run("systemctl", "show", "-P", "ExecMainExitTimestampMonotonic", "kftp-schedule.service").stdout)


def is_idle():
    """Nothing is being looked at: a oneshot is activating while it is at work."""
    return run("systemctl", "show", "-P", "ActiveState", "kftp-schedule.service").stdout.strip() in ("inactive", "failed")


def wait_until_scheduled(*names):
    wait_for(f"timers of {names}", lambda: set(timers()) >= set(names) and all(is_active(f"kftp@{n}.timer") for n in names))


@pytest.fixture(autouse=True)
def no_timers():
    yield
    for job in JOBS.glob("*.job"):
        job.unlink()
    wait_for("no timers are left", lambda: not timers() and not list(GENERATED.glob("kftp@*")) and is_idle())


def scheduled(target, name, job=NIGHTLY, remote="feed.bin"):
    drop(name, job_text(remote, target / name, job=job))


def test_a_dropped_job_has_a_timer_while_it_is_there(target):
    scheduled(target, "nightly", NIGHTLY + "OnCalendar=Mon..Fri 12:00\nRandomizedDelaySec=1h 30min\nPersistent=no\n")
    wait_until_scheduled("nightly")
    calendar = timer("nightly", "TimersCalendar")
    assert "OnCalendar=*-*-* 02:30:00" in calendar and "OnCalendar=Mon..Fri *-*-* 12:00:00" in calendar
    assert timer("nightly", "RandomizedDelayUSec") == "1h 30min"
    assert timer("nightly", "Persistent") == "no"
    assert timer("nightly", "SourcePath") == "/etc/kftp.d/nightly.job"

    scheduled(target, "nightly", "OnCalendar=*-*-* 04:00:00\n")
    wait_for("the timer has changed", lambda: "OnCalendar=*-*-* 04:00:00" in timer("nightly", "TimersCalendar"))
    assert timer("nightly", "Persistent") == "yes" and is_active("kftp@nightly.timer")
    assert timers() == ["nightly"] and records("nightly", "JOB_DONE") == []

    stamp = Path("/var/lib/systemd/timers/stamp-kftp@nightly.timer")
    wait_for("it would be noticed if it missed a time", stamp.exists)
    (JOBS / "nightly.job").unlink()
    wait_for("the timer has gone", lambda: not timers() and not is_active("kftp@nightly.timer"))
    wait_for("what it has missed is forgotten", lambda: not stamp.exists())


def test_systemd_is_reloaded_for_schedules_only(target):
    offer("plain.bin", 1000)
    before, looked = last_reload(), last_look()
    scheduled(target, "unscheduled", job="", remote="plain.bin")
    wait_for_record("unscheduled", "JOB_DONE")
    wait_for("it was looked at", lambda: last_look() > looked)
    assert last_reload() == before
    scheduled(target, "other")
    wait_until_scheduled("other")
    assert last_reload() != before


def test_changes_that_come_while_it_is_at_work_are_not_lost(target):
    names = [f"burst{i}" for i in range(5)]
    for name in names:
        scheduled(target, name)
        time.sleep(0.25)
    wait_until_scheduled(*names)
    for name in names[1:]:
        (JOBS / f"{name}.job").unlink()
        time.sleep(0.25)
    wait_for("one is left", lambda: timers() == names[:1])


def test_the_generator_survives_whatever_there_is(target, tmp_path):
    """Its own files only, the good jobs' units, exit status 0."""
    scheduled(target, "good")
    wait_until_scheduled("good")
    (JOBS / "bad.job").write_text("[Job]\nOnCalendar=daily\n\n[Nonsense")
    (JOBS / "zero.job").symlink_to("/dev/zero")
    os.mkfifo(JOBS / "fifo.job")
    (JOBS / "directory.job").mkdir()
    (JOBS / "random.job").write_bytes(os.urandom(50000))
    drop("foreign", job_text("x", target / "x", job=NIGHTLY))
    os.chown(JOBS / "foreign.job", 65534, 65534)
    try:
        done = subprocess.run([GENERATOR, tmp_path, tmp_path, tmp_path], timeout=60, check=False)
        assert done.returncode == 0
        made = sorted(str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*") if not p.is_dir())
        assert made == ["kftp@good.timer", "timers.target.wants/kftp@good.timer"]
        assert (tmp_path / made[0]).read_text() == (GENERATED / made[0]).read_text()
        assert subprocess.run([GENERATOR], check=False).returncode == 0
        assert subprocess.run([GENERATOR, "/no/such", "/no/such", "/no/such"], check=False).returncode == 0
    finally:
        (JOBS / "directory.job").rmdir()


def test_the_calendar_runs_the_job(target):
    offer("feed.bin", 20000)
    scheduled(target, "soon", "OnCalendar=*:*:0/2\n")
    done = wait_for_record("soon", "JOB_DONE")
    assert done["KFTP_TRIGGER"] == "calendar"
    assert (target / "soon").stat().st_size == 20000


def test_what_was_missed_is_made_up_for(target):
    offer("feed.bin", 1000)
    scheduled(target, "late")
    wait_until_scheduled("late")
    assert records("late", "JOB_DONE") == []
    run("systemctl", "stop", "kftp@late.timer")
    os.utime("/var/lib/systemd/timers/stamp-kftp@late.timer", (time.time() - 200000,) * 2)
    run("systemctl", "start", "kftp@late.timer")
    assert wait_for_record("late", "JOB_DONE")["KFTP_TRIGGER"] == "calendar"


def test_the_service_ends_as_the_run_does(target):
    offer("feed.bin", 1000)
    scheduled(target, "well")
    scheduled(target, "badly", NIGHTLY + "Retries=0\n", remote="missing.bin")  # it might come late
    wait_until_scheduled("well", "badly")
    run("systemctl", "start", "kftp@well.service")
    assert (target / "well").exists() and len(records("well", "JOB_DONE")) == 1
    assert run("systemctl", "start", "kftp@badly.service", check=False).returncode != 0
    assert run("systemctl", "show", "-P", "ExecMainStatus", "kftp@badly.service").stdout.strip() == "5"
    run("systemctl", "reset-failed", "kftp@badly.service")


def test_a_stopped_service_has_not_failed(target):
    """The run goes on without it."""
    offer("slow.bin", MIB)
    limit_rate(20000)
    try:
        scheduled(target, "slow", remote="slow.bin")
        wait_until_scheduled("slow")
        run("systemctl", "start", "--no-block", "kftp@slow.service")
        wait_for("the run", lambda: "running" in run("kftp", "list", "slow").stdout)
        run("systemctl", "stop", "kftp@slow.service")
        assert run("systemctl", "show", "-P", "ActiveState", "kftp@slow.service").stdout.strip() == "inactive"
        assert "running" in run("kftp", "list", "slow").stdout
    finally:
        limit_rate(0)
