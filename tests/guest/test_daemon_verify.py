# SPDX-License-Identifier: GPL-2.0-or-later
"""kftp verify says of job files what kftpd says of them, in the same words and with the same places."""
import os
import re
import subprocess

from support import KFTP, LIMIT

GOOD = "[Source]\nURL=ftp://h.invalid/f\n[Target]\nPath=/tmp/\n"
FILES = {
    "syntax.job": "URL=x\n" + GOOD + "nonsense\n",
    "values.job": GOOD + "IfExists=resum\nFileMode=999\n[Job]\nDeadline=7\nRetrys=1\n",
    "date.job": "[Source]\nURL=ftp://h/{date:%q}\n[Target]\nPath=/tmp/\n",
    "move.job": "[Source]\nURL=ftp://h/in/\nMach=*.csv\nThen=delete\n[Target]\nPath=/tmp/\n",
    "shared.job": "[Source]\nRemote=acme\n[Target]\nPath=/tmp/\n",
    "lonely.job": "[Source]\nRemote=nobody\n[Target]\nPath=/tmp/\n",
    "acme.remote": "[Remote]\nURL=ftp://u:s3cret@h/\n",
    "dropped.job": GOOD,
    "dropped.job.d/a.conf": "[Job]\nRetries=many\n",
    "bytes.job": GOOD + "\x00\x01\x02",
    "long.job": GOOD + "#" * (1 << 20),
    "everybody.job": GOOD,
}


def put_files(directory):
    for name, text in FILES.items():
        path = directory / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    (directory / "everybody.job").chmod(0o666)
    (directory / "endless.job").symlink_to("/dev/zero")
    (directory / "masked.job").symlink_to("/dev/null")
    os.mkfifo(directory / "fifo.job")


def diagnoses(text, directory):
    """Those about a file of the directory: each once, and without the line that is shown."""
    return sorted(set(re.findall(rf"{re.escape(str(directory))}/\S+:(?:\d+:\d+:)? (?:error|warning): .*", text)))


def test_says_what_the_daemon_says(daemon):
    put_files(daemon.jobs)
    result = subprocess.run([KFTP, "verify", f"--config-dir={daemon.jobs}"], capture_output=True, text=True, timeout=LIMIT)
    assert result.returncode == 2, result.stderr
    assert result.stdout == "0 are fine, 12 have errors, 1 is masked\n"
    assert "s3cret" not in result.stderr
    expected = diagnoses(result.stderr, daemon.jobs)
    assert len({line.partition(":")[0] for line in expected}) == 13, expected  # the remote, too

    daemon.start()
    for line in expected:
        daemon.wait_for(line)
    assert diagnoses(daemon.log.read_text(), daemon.jobs) == expected
    assert daemon.stop()[0] == 0

    # what is mended is fine for both
    for name in ("values.job", "dropped.job.d/a.conf"):
        (daemon.jobs / name).unlink()
    assert subprocess.run([KFTP, "verify", "-q", f"--config-dir={daemon.jobs}", "dropped"], timeout=LIMIT).returncode == 0
