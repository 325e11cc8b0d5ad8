# SPDX-License-Identifier: GPL-2.0-or-later
"""The command and kftpd over a bus: what is seen of jobs, and what is done to them, with a real server."""
import json
import os
import signal
import subprocess

import pytest

import support
from support import KFTP, LIMIT, same_bytes, wait_until, write_pattern

MIB = 1 << 20
CONFIGURATION = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>system</type>
  <listen>unix:path={directory}/bus</listen>
  <policy context="default">
    <allow user="*"/>
    <deny own="*"/>
    <deny send_type="method_call"/>
    <allow send_type="signal"/>
    <allow send_requested_reply="true" send_type="method_return"/>
    <allow send_requested_reply="true" send_type="error"/>
    <allow receive_type="method_call"/>
    <allow receive_type="method_return"/>
    <allow receive_type="error"/>
    <allow receive_type="signal"/>
    <allow send_destination="org.freedesktop.DBus"/>
  </policy>
  <include>{policy}</include>
  <!-- kftpd has no user of its own here -->
  <policy user="root"><allow own="org.kftp1"/></policy>
</busconfig>
"""


@pytest.fixture
def bus(tmp_path, monkeypatch):
    """As the system's, with the policy that the package has."""
    directory = tmp_path / "dbus"
    directory.mkdir()
    for parent in (directory, *directory.parents):
        parent.chmod(parent.stat().st_mode | 0o055)  # others are to be refused by the policy
    policy = support.TESTS.parent / "userspace/kftpd/org.kftp1.conf"
    (directory / "conf").write_text(CONFIGURATION.format(directory=directory, policy=policy))
    process = subprocess.Popen(["dbus-daemon", f"--config-file={directory}/conf", "--nofork", "--nopidfile", "--print-address"],
                               stdout=subprocess.PIPE)
    assert process.stdout.readline()  # it listens
    monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", f"unix:path={directory}/bus")
    yield
    process.kill()
    process.wait()


def call(*arguments, code=0, **options):
    done = subprocess.run([KFTP, *arguments], capture_output=True, text=True, timeout=LIMIT, stdin=subprocess.DEVNULL, **options)
    assert done.returncode == code, f"{arguments}: {done}"
    return done


def status_of(name):
    return json.loads(call("status", "--json", name).stdout)[0]


def wait_for_state(name, *states):
    """Also of a job that was dropped just now."""
    def state():
        return {job["job"]: job["state"] for job in json.loads(call("list", "--json").stdout)}.get(name)

    wait_until(lambda: state() in states, f"{name} does not become {states}")


@pytest.fixture
def started(bus, daemon):
    daemon.start()
    wait_until(lambda: subprocess.run([KFTP, "status"], capture_output=True).returncode == 0, "kftpd is not on the bus")
    return daemon


def test_run_and_wait(servers, home, started):
    """The result of the run that was asked for, whatever there was before."""
    write_pattern(home / "file", 200000)
    url = servers.get("pyftpdlib").url
    started.drop("good", url("file"))
    started.drop("bad", url("nothing"))
    wait_for_state("good", "done")
    wait_for_state("bad", "failed")
    (started.target / "good").unlink()
    done = call("run", "--wait", "good")
    assert done.stdout.startswith("good: done: 1 file, 195.3 KiB in ")
    assert same_bytes(home / "file", started.target / "good")
    failed = call("run", "--wait", "bad", code=5)
    assert failed.stderr.startswith("kftp: bad: failed: ") and "nothing" in failed.stderr and "550" in failed.stderr
    assert call("run", "--wait", "good", "bad", code=3).stdout.startswith("good: done: ")
    result = json.loads(call("run", "--wait", "--json", "good").stdout)
    assert (result["last_result"], result["last_bytes"], result["state"]) == ("done", 200000, "done")

    write_pattern(home / "nothing", 1000)
    call("retry", "bad")
    wait_for_state("bad", "done")
    table = call("list").stdout
    assert [line.split()[:2] for line in table.splitlines()[1:3]] == [["bad", "done"], ["good", "done"]]
    assert "2 jobs: 2 done." in table
    assert "did you mean 'good'" in call("run", "goo", code=2).stderr
    assert f"URL={url('file')}" in call("show", "good").stdout


def test_watch_and_cancel(slow_server, home, started):
    """A transfer is seen while it is under way, and ended; the daemon goes, and comes back."""
    write_pattern(home / "big", 64 * MIB)
    started.drop("big", slow_server("vsftpd", rate=MIB).url("big"))
    watch = subprocess.Popen([KFTP, "watch", "--json"], stdout=subprocess.PIPE, text=True)
    events = []

    def wait_for_event(event, **fields):
        while True:
            events.append(json.loads(watch.stdout.readline()))
            if events[-1]["event"] == event and fields.items() <= events[-1].items():
                return events[-1]

    progress = wait_for_event("progress", job="big")
    while progress["file_bytes"] == 0:
        progress = wait_for_event("progress", job="big")
    assert (progress["state"], progress["file_total"]) == ("running", 64 * MIB)
    seen = status_of("big")
    assert seen["state"] == "running" and seen["name"]
    call("cancel", "big")
    wait_for_state("big", "failed")
    assert wait_for_event("ended", job="big")["last_result"] != "done"
    assert "neither running" in call("cancel", "big", code=1).stderr

    waiting = subprocess.Popen([KFTP, "run", "--wait", "big"], stderr=subprocess.PIPE, text=True)
    wait_for_state("big", "running")
    started.stop()
    assert "kftpd has ended" in waiting.stderr.readline()
    wait_for_event("gone")
    assert "sudo systemctl start kftpd" in call("list", code=9).stderr
    started.start()
    wait_for_event("back")
    wait_for_state("big", "running")
    assert waiting.poll() is None
    waiting.send_signal(signal.SIGTERM)
    assert "goes on in kftpd" in waiting.stderr.read() and waiting.wait(LIMIT) == -signal.SIGTERM
    assert status_of("big")["state"] == "running"
    watch.send_signal(signal.SIGINT)
    assert watch.wait(LIMIT) == 0


def test_rights(started):
    """Those who are neither root nor in the group learn what they have to be."""
    def nobody():
        os.setgroups([])
        os.setgid(65534)
        os.setuid(65534)

    done = call("list", code=9, preexec_fn=nobody)
    assert "group kftp-users" in done.stderr and done.stdout == ""
    assert "by root" in call("run", "x", code=9, preexec_fn=nobody).stderr
    assert "no job 'x'" in call("run", "x", code=2).stderr
