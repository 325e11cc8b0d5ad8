# SPDX-License-Identifier: GPL-2.0-or-later
"""The command's contract beside the transfer itself: usage, --json, -v, --version, doctor, secrets."""
import os
import pty
import re
import subprocess
from pathlib import Path

import pytest

import support
from servers.scripted import ScriptedServer
from support import PASSWORD, names, pattern, wait_until, write_pattern

MIB = 1 << 20
VERSION = (support.BUILD.parent / "VERSION").read_text().strip()
TRACING = Path("/sys/kernel/tracing")


# ---- usage

def test_version(kftp):
    shown = kftp.run("--version").assert_done()
    assert VERSION in shown.stdout.split()


def test_help_names_the_options_of_get(kftp):
    shown = kftp.run("get", "--help").assert_done()
    for option in ("--active", "--source", "--user", "--password-file", "--timeout", "--json", "-c", "-v"):
        assert option in shown.stdout


@pytest.mark.parametrize("arguments", [
    [], ["get"], ["nonsense"], ["get", "--nonsense", "ftp://h/f"], ["get", "http://h/f"], ["get", "ftp:///f"],
    ["get", "ftp://h:0/f"], ["get", "ftp://h:65536/f"], ["get", "ftp://h/f%zz"], ["get", "--timeout=never", "ftp://h/f"],
    ["get", "--timeout=-1", "ftp://h/f"], ["get", "--source=nowhere", "ftp://h/f"], ["get", "ftp://h/f", "a", "b"],
    ["get", "ftp://h/", "--retries=x"],
], ids=lambda a: " ".join(a) or "nothing")
def test_bad_usage(arguments, kftp, target):
    failed = kftp.run(*arguments)
    assert failed.status == 2
    assert failed.stderr
    assert names(target) == []


def test_a_password_in_the_url_is_refused(kftp, target):
    with ScriptedServer({"file": b"data"}) as server:
        failed = kftp.run("get", f"ftp://user:hunter2@127.0.0.1:{server.port}/file").assert_failed(2)
        assert server.commands == []
    assert "hunter2" not in failed.stderr
    assert "--password-file" in failed.stderr


@pytest.mark.parametrize("escape", ["%0d%0a", "%0a", "%0D", "%00"])
def test_line_ends_and_NUL_in_a_path_are_refused_before_anything_is_sent(escape, kftp, target):
    with ScriptedServer({"file": b"data"}) as server:
        kftp.get(server.url(f"file{escape}DELE%20file")).assert_failed(2)
        assert server.commands == []
    assert names(target) == []


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604])
def test_a_password_file_that_others_can_read_is_refused(mode, kftp, tmp_path, vsftpd):
    loose = tmp_path / "loose"
    loose.write_text(PASSWORD + "\n")
    loose.chmod(mode)
    mark = vsftpd.mark()
    failed = kftp.run("get", f"--password-file={loose}", vsftpd.url("file"))
    assert failed.status in (2, 7)
    assert "chmod" in failed.stderr
    assert vsftpd.commands(mark) == []


# ---- anonymous, user

def test_without_a_user_the_login_is_anonymous(kftp, target):
    with ScriptedServer({"file": b"data"}) as server:
        kftp.run("get", server.url("file", user="")).assert_done()
        assert "USER anonymous" in server.commands
        assert any(line.startswith("PASS ") for line in server.commands)


def test_user_option_overrides_the_url(kftp):
    with ScriptedServer({"file": b"data"}) as server:
        kftp.get("--user=other", server.url("file", user="first")).assert_done()
        assert [line for line in server.commands if line.startswith("USER")] == ["USER other"]


def test_the_type_in_the_url_is_accepted_and_not_part_of_the_name(kftp, target):
    with ScriptedServer({"file": b"data"}) as server:
        kftp.get(server.url("file;type=i")).assert_done()
    assert names(target) == ["file"]


# ---- --json

JSON_FIELDS = {"url": str, "path": str, "bytes": int, "resumed_from": int, "usec": int, "rate": int, "reply": object,
               "attempts": int, "sha256": object, "result": str, "error": object}


def test_json_of_a_download(vsftpd, home, kftp, target):
    write_pattern(home / "file", MIB)
    done = kftp.get("--json", vsftpd.url("file")).assert_done()
    report = done.json
    for name, kind in JSON_FIELDS.items():
        assert isinstance(report[name], kind), f"{name}: {report[name]!r}"
    assert report["bytes"] == MIB
    assert Path(report["path"]) == target / "file"
    assert report["url"] == vsftpd.url("file")
    assert report["resumed_from"] == 0
    assert report["attempts"] == 1
    assert "226" in str(report["reply"])
    assert 0 < report["usec"] < done.seconds * 1e6
    assert report["rate"] > 0
    assert not report["error"]


def test_json_of_a_failure(vsftpd, home, kftp):
    failed = kftp.get("--json", vsftpd.url("absent"))
    assert failed.status == 5
    report = failed.json
    assert set(JSON_FIELDS) <= set(report)
    assert "550" in report["error"] or "550" in str(report["reply"])
    assert report["result"] != "done"


# ---- what is shown

def test_a_download_without_a_terminal_says_nothing(vsftpd, home, kftp):
    write_pattern(home / "file", MIB)
    done = kftp.get(vsftpd.url("file")).assert_done()
    assert done.stdout == "" and done.stderr == ""


def test_verbose_shows_the_dialogue_and_both_addresses(vsftpd, home, kftp):
    write_pattern(home / "file", 10)
    shown = kftp.get("-v", vsftpd.url("file")).assert_done().stderr
    for part in ("USER ftp-test", "PASS", "RETR file", "220", "331", "230", "226"):
        assert part in shown
    assert len(set(re.findall(r"127\.0\.0\.1:\d+", shown))) >= 2, shown


def test_a_progress_bar_on_a_terminal(slow_server, home, kftp, target):
    write_pattern(home / "file", 4 * MIB)
    server = slow_server("vsftpd", rate=MIB)
    control, terminal = pty.openpty()
    process = subprocess.Popen([support.KFTP, "get", f"--password-file={kftp.password_file}", server.url("file")],
                               cwd=target, stdin=terminal, stdout=terminal, stderr=terminal)
    os.close(terminal)
    shown = b""
    try:
        while part := os.read(control, 4096):
            shown += part
    except OSError:
        pass  # the last user of the terminal has closed it
    assert process.wait() == 0
    os.close(control)
    assert re.search(rb"\d+ ?%", shown), shown
    assert b"file" in shown
    assert b"MiB/s" in shown or b"KiB/s" in shown


# ---- secrets

@pytest.fixture
def trace():
    """The module's tracepoints, switched on; a function that returns what was traced."""
    events = TRACING / "events/kftp"
    assert events.is_dir(), "the module has no tracepoints"
    (TRACING / "trace").write_text("")
    (events / "enable").write_text("1")
    yield lambda: (TRACING / "trace").read_text()
    (events / "enable").write_text("0")


def test_tracepoints_show_the_session_but_not_the_password(vsftpd, home, kftp, trace):
    write_pattern(home / "file", MIB)
    kftp.get(vsftpd.url("file")).assert_done()
    text = trace()
    assert "verb=RETR" in text
    assert "code=226" in text
    assert PASSWORD not in text


def test_the_password_is_not_in_the_dialogue(vsftpd, home, kftp):
    write_pattern(home / "file", 10)
    done = kftp.get("-v", "--json", vsftpd.url("file")).assert_done()
    assert "PASS" in done.stderr
    assert PASSWORD not in done.stderr + done.stdout


def test_a_refused_password_is_not_shown(vsftpd, kftp, tmp_path):
    wrong = tmp_path / "wrong"
    wrong.write_text("wrong-but-secret\n")
    wrong.chmod(0o600)
    failed = kftp.run("get", "-v", f"--password-file={wrong}", vsftpd.url("file"))
    assert failed.status == 4
    assert "wrong-but-secret" not in failed.stderr


def test_a_server_that_repeats_the_password_does_not_make_it_show_in_an_error(kftp):
    def refuse(session, argument):
        session.send(b"530 No, not " + argument.encode() + b"\r\n")
    with ScriptedServer({}, {"PASS": refuse}) as server:
        kftp.get(server.url("file")).assert_failed(4)
        assert f"PASS {PASSWORD}" in server.commands


def test_the_password_is_in_no_command_line_or_environment(slow_server, home, kftp, target):
    write_pattern(home / "file", 4 * MIB)
    server = slow_server("vsftpd", rate=MIB)
    running = kftp.start_get(server.url("file"))
    wait_until(lambda: any(target.iterdir()), "no data came")
    for process in Path("/proc").glob("[0-9]*"):
        for part in ("cmdline", "environ"):
            try:
                assert PASSWORD.encode() not in (process / part).read_bytes(), process
            except OSError:
                continue
    assert running.process.poll() is None, "ended before it was looked at"


# ---- doctor

def test_doctor_is_content_when_all_is_well(kftp):
    shown = kftp.run("doctor")
    assert shown.status == 0, shown.stdout + shown.stderr


def test_doctor_says_what_to_type_when_the_module_is_absent(kftp):
    support.unload_module()
    try:
        shown = kftp.run("doctor")
    finally:
        support.load_module()
    assert shown.status != 0
    assert "modprobe kftp" in shown.stdout + shown.stderr


def test_doctor_says_what_to_type_when_the_node_may_not_be_opened(kftp):
    shown = kftp.run("doctor", prefix=["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"], cwd="/")
    assert shown.status != 0
    assert "kftp-users" in shown.stdout + shown.stderr
    assert re.search(r"usermod|adduser|gpasswd", shown.stdout + shown.stderr)
