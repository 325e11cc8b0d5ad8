# SPDX-License-Identifier: GPL-2.0-or-later
"""The README's examples, as they stand there."""
import os
import re
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

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


@pytest.mark.parametrize("name,mark", [("nightly-reports", "# kftp"), ("over-tls", "With TLS")])
def test_the_job_files_are_accepted(name, mark):
    """They run, if only to fail: nobody serves those files here."""
    path = Path("/srv/ftp/reports")
    path.mkdir(exist_ok=True)
    shutil.chown(path, "kftp")
    drop(name, block(mark, "ini").replace("Retries=20", "") + "[Job]\nRetries=0\n")
    wait_for_record(name, "JOB_FAILED")
    assert records(name, "JOB_REJECTED") == [] and records(name, "JOB_WARNING") == []
