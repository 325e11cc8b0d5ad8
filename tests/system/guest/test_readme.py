# SPDX-License-Identifier: GPL-2.0-or-later
"""The README's examples, as they stand there."""
import os
import re
import shutil
import signal
import subprocess
from pathlib import Path

from feed import drop, records, wait_for_record

README = Path(__file__).with_name("README.md").read_text()


def block(mark, language):
    """The first block in that language after a mark."""
    return re.search(rf"```{language}\n(.*?)```", README[README.index(mark):], re.S).group(1)


def test_the_quick_start_ends_in_a_record():
    script = block("<!-- tests/system/guest/test_readme.py", "sh")
    with subprocess.Popen(["bash", "-e", "-c", script], start_new_session=True, stdout=subprocess.PIPE, text=True) as shell:
        try:
            wait_for_record("hello", "JOB_DONE")
        finally:
            os.killpg(shell.pid, signal.SIGTERM)
    assert Path("/srv/ftp/in/hello.txt").read_text() == "hello\n"


def test_the_job_file_is_accepted():
    """It runs, if only to fail: nobody serves that file here."""
    path = Path("/srv/ftp/reports")
    path.mkdir(exist_ok=True)
    shutil.chown(path, "kftp")
    drop("nightly-reports", block("# kftp", "ini").replace("Retries=20", "Retries=0"))
    wait_for_record("nightly-reports", "JOB_FAILED")
    assert records("nightly-reports", "JOB_REJECTED") == [] and records("nightly-reports", "JOB_WARNING") == []
