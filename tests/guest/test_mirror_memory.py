# SPDX-License-Identifier: GPL-2.0-or-later
"""What a mirror needs of memory: linear in the files of one directory, on both sides, and little of it.

tests/bench/mirror measures it together with time, beside lftp.
"""
import os

import pytest

from support import LIMIT, resident_peak, wait_until
from test_commands import own_directory

MIB = 1 << 20
MTIME = 1600000000
#: of one file that is on both sides; the allocator's rounding is part of it
BYTES_PER_FILE = 600


def fill(directory, number):
    """With names of one file, which is quicker than to make so many."""
    paths = [f"{directory}/some-report-{i:06}.csv" for i in range(number)]
    os.close(os.open(paths[0], os.O_CREAT | os.O_WRONLY, 0o644))
    os.utime(paths[0], (MTIME, MTIME))
    for path in paths[1:]:
        os.link(paths[0], path)


def peak(kftp, server, name, here, number):
    """The peak of resident memory, in bytes, of a mirror that finds nothing to do. What the last moments add to it may
    be missed, when nothing is left to be compared."""
    seen = [0]
    running = kftp.start_verb("mirror", server.url(name), here)
    wait_until(lambda: seen.append(resident_peak(running.pid)) or running.process.poll() is not None, "kftp still runs",
               seconds=5 * LIMIT, interval=0.002)
    done = running.wait().assert_done()
    assert f"nothing to do: {number} files unchanged" in done.stderr
    return max(seen)


def check(server, home, kftp, target, number, limit):
    peaks = {}
    for files in (2, number):
        directory, here = own_directory(home / f"of-{files}", home), target / f"of-{files}"
        here.mkdir()
        fill(directory, files)
        fill(here, files)
        stat = here.stat()
        os.utime(directory, (stat.st_mtime, stat.st_mtime))
        peaks[files] = peak(kftp, server, directory.name, here, files)
    assert peaks[number] - peaks[2] < number * BYTES_PER_FILE, peaks
    assert peaks[number] < limit, peaks


def test_3000_unchanged_files(vsftpd, home, kftp, target):
    check(vsftpd, home, kftp, target, 3000, 16 * MIB)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["vsftpd", "pure-ftpd"])
def test_100_000_unchanged_files(name, servers, home, kftp, target):
    """By LIST and by MLSD."""
    check(servers.get(name), home, kftp, target, 100000, 64 * MIB)
