# SPDX-License-Identifier: GPL-2.0-or-later
"""OnSuccess= and OnFailure=: units that systemd starts when a run has ended, by root's files alone."""
from pathlib import Path

import pytest

from feed import JOBS, drop, is_active, job_text, offer, run, wait_for, wait_for_record

UNIT = Path("/run/systemd/system/told@.service")
TOLD = Path("/run/told")


@pytest.fixture(autouse=True)
def told():
    TOLD.mkdir()
    UNIT.write_text(f"[Service]\nType=oneshot\nExecStart=/bin/sh -c 'echo >> {TOLD}/%i'\n")
    run("systemctl", "daemon-reload")
    yield
    for job in JOBS.glob("*.job"):
        job.unlink()
    UNIT.unlink()
    run("systemctl", "daemon-reload")
    run("rm", "-r", TOLD)


def times(name):
    """How often the unit for it was started."""
    return len((TOLD / name).read_text()) if (TOLD / name).exists() else 0


def test_units_are_started_even_if_they_came_with_the_job(target):
    offer("units.bin", 1000)
    drop("ends-well", job_text("units.bin", target / "a", job="OnSuccess=told@%n.service told@also.service\nOnFailure=told@never.service"))
    wait_for_record("ends-well", "JOB_DONE")
    wait_for("both units", lambda: times("ends-well") == 1 and times("also") == 1)
    assert not Path("/run/kftp-success/ends-well").exists()
    assert times("never") == 0

    # again, now that the path unit is there
    assert is_active("kftp-success@ends-well.path")
    with open(JOBS / "ends-well.job", "a", encoding="ascii") as f:
        f.write("# changed\n")
    wait_for("another time", lambda: times("ends-well") == 2)

    (JOBS / "ends-well.job").unlink()
    wait_for("the path unit has gone", lambda: not is_active("kftp-success@ends-well.path"))


def test_a_failure_starts_its_units(target):
    drop("fails", job_text("no-such.bin", target / "b", job="OnSuccess=told@never.service\nOnFailure=told@%n.service"))
    wait_for_record("fails", "JOB_FAILED")
    wait_for("the unit", lambda: times("fails") == 1)
    assert times("never") == 0


def test_the_daemon_can_start_nothing_itself():
    """It has no right to, nor can it change what its files start."""
    asked = ("setpriv", "--reuid=kftp", "--regid=kftp", "--clear-groups")
    assert run(*asked, "systemctl", "--no-ask-password", "start", "told@x.service", check=False).returncode != 0
    assert run(*asked, "touch", "/run/systemd/generator/x", check=False).returncode != 0
    assert times("x") == 0
