# SPDX-License-Identifier: GPL-2.0-or-later
"""Where a job's password may be: credentials of the service, plain and encrypted, and netrc."""
import os
import shutil
from pathlib import Path

import pytest

from feed import HOST, JOBS, PASSWORD_FILE, drop, is_active, job_text, main_pid, offer, run, wait_for, wait_for_record

PLAIN = Path("/etc/kftp/credentials")
ENCRYPTED = Path("/etc/kftp/credentials.encrypted")
SECRET = "kept-secret"


def with_secret(remote, path, line):
    return job_text(remote, path).replace(f"PasswordFile={PASSWORD_FILE}", line)


def write_secret(path, text):
    with open(path, "w", opener=lambda p, f: os.open(p, f, 0o600), encoding="ascii") as f:
        f.write(text)


def restart():
    run("systemctl", "restart", "kftpd")
    wait_for("kftpd runs", is_active)


@pytest.fixture(autouse=True, scope="module")
def put_back():
    yield
    for directory in PLAIN, ENCRYPTED:
        for path in directory.iterdir():
            path.unlink()
    restart()


def test_only_root_looks_into_the_directories():
    for path in PLAIN, ENCRYPTED:
        assert run("stat", "-c", "%U:%G %a", path).stdout.strip() == "root:root 700"


def test_credentials(target):
    """What to type is in the message, and typing it is enough."""
    for name in ("plain", "encrypted"):
        offer(f"{name}.bin", 1000)
        drop(f"credential-{name}", with_secret(f"{name}.bin", target / name, f"Credential=feed-{name}"))
    failed = wait_for_record("credential-plain", "JOB_FAILED")["MESSAGE"]
    assert "Credential=feed-plain" in failed and str(PLAIN / "feed-plain") in failed and "systemctl restart kftpd" in failed
    failed = wait_for_record("credential-encrypted", "JOB_FAILED")["MESSAGE"]
    command = f"systemd-creds encrypt --name=kftp-encrypted_feed-encrypted - {ENCRYPTED}/feed-encrypted"
    assert command in failed

    write_secret(PLAIN / "feed-plain", SECRET + "\n")
    run("sh", "-c", f"printf %s {SECRET} | {command}")
    assert SECRET not in (ENCRYPTED / "feed-encrypted").read_text()
    restart()
    for name in ("plain", "encrypted"):
        with open(JOBS / f"credential-{name}.job", "a", encoding="ascii") as f:
            f.write("# again\n")
        wait_for_record(f"credential-{name}", "JOB_DONE")
        assert (target / name).stat().st_size == 1000
    pid = main_pid()
    assert SECRET.encode() not in Path(f"/proc/{pid}/environ").read_bytes() + Path(f"/proc/{pid}/cmdline").read_bytes()
    assert SECRET not in run("journalctl", "-b", "-o", "export", "_SYSTEMD_UNIT=kftpd.service").stdout


def test_netrc(target):
    netrc = Path("/etc/kftp/netrc")
    write_secret(netrc, f"machine {HOST} login somebody password else\nmachine {HOST} login feed password {SECRET}\n")
    shutil.chown(netrc, "kftp", "kftp")
    try:
        offer("netrc.bin", 1000)
        drop("netrc", with_secret("netrc.bin", target / "netrc", f"NetrcFile={netrc}"))
        wait_for_record("netrc", "JOB_DONE")
        drop("nobody", with_secret("netrc.bin", target / "nobody", f"NetrcFile={netrc}").replace("User=feed", "User=other"))
        assert f"{netrc}: has no login other for the machine {HOST}" in wait_for_record("nobody", "JOB_FAILED")["MESSAGE"]
    finally:
        netrc.unlink()
