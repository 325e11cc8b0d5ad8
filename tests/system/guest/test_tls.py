# SPDX-License-Identifier: GPL-2.0-or-later
"""Jobs over TLS, in the sandbox as it is installed: certificates that the service can read, the kernel's TLS that it
cannot load, and what the journal says of it."""
import re
import shutil
from pathlib import Path

import pytest

from feed import ServerLog, drop, job_text, offer, records, run, sha256, wait_for_record

#: the server's certificate, which it has issued itself
CERTIFICATE = Path("/etc/ssl/feed.crt")
SYSTEM_ROOTS = Path("/etc/ssl/certs/ca-certificates.crt")
#: vsftpd takes a data connection only with the session of the control connection
PROTECTED = re.compile(r"TLS1\.[23] TLS_[A-Z0-9_]+ resumed")


@pytest.fixture
def system_root():
    """The server's certificate among the roots of the system, of which there are none otherwise."""
    SYSTEM_ROOTS.parent.mkdir(exist_ok=True)
    shutil.copy(CERTIFICATE, SYSTEM_ROOTS)
    yield
    SYSTEM_ROOTS.unlink()


def test_modprobe_has_loaded_the_kernels_tls():
    assert "tls" in Path("/proc/sys/net/ipv4/tcp_available_ulp").read_text().split()
    said = run("kftp", "doctor", check=False).stdout
    assert re.search(r"^ok +tls ", said, re.M), said


def test_a_job_over_tls(target):
    digest = offer("tls.bin", 1 << 20)
    log = ServerLog()
    drop("tls", job_text("tls.bin", target / "tls.bin", source=f"TLS=require\nCAFile={CERTIFICATE}"))
    wait_for_record("tls", "JOB_DONE")
    assert sha256(target / "tls.bin") == digest
    assert PROTECTED.fullmatch(records("tls", "FILE_DONE")[0]["KFTP_TLS"])
    assert log.commands("PROT") == ["P"]


def test_a_job_over_tls_with_the_systems_roots(target, system_root):
    digest = offer("roots.bin", 1000)
    drop("roots", job_text("roots.bin", target / "roots.bin", source="TLS=require"))
    wait_for_record("roots", "JOB_DONE")
    assert sha256(target / "roots.bin") == digest


def test_a_server_that_cannot_be_trusted_gets_no_name(target):
    """Here by its name: the certificate is for another one. It is not tried again."""
    offer("forged.bin", 1000)
    log = ServerLog()
    drop("forged", job_text("forged.bin", target / "forged.bin", host="127.0.0.1", source=f"TLS=require\nCAFile={CERTIFICATE}"))
    failed = wait_for_record("forged", "JOB_FAILED")
    assert failed["KFTP_CLASS"] == "tls" and failed["MESSAGE"].endswith(", not retried")
    assert log.commands("AUTH") == ["TLS"] and log.commands("USER") == []
    assert not (target / "forged.bin").exists()


def test_a_key_that_others_may_read_is_refused(target, tmp_path):
    offer("key.bin", 1000)
    log = ServerLog()
    key = Path("/etc/kftp/open.key")
    shutil.copy("/etc/ssl/private/feed.key", key)
    shutil.chown(key, "kftp")
    key.chmod(0o644)
    drop("key", job_text("key.bin", target / "key.bin",
                         source=f"TLS=require\nCAFile={CERTIFICATE}\nCertificateFile={CERTIFICATE}\nKeyFile={key}"))
    failed = wait_for_record("key", "JOB_FAILED")
    assert f"chmod 0600 {key}" in failed["MESSAGE"]
    assert log.commands("USER") == []
