# SPDX-License-Identifier: GPL-2.0-or-later
"""Places and commands that the host's side of the system tests shares."""
import os
import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
CHECKOUT = HERE.parent.parent
BUILD = CHECKOUT / os.environ.get("B", "build")
SYSTEM = BUILD / "system"


def call(*command, check=True, **options):
    """Runs a command; its output, both streams in one, is in stdout. A failure shows it."""
    done = subprocess.run([str(c) for c in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          stdin=subprocess.DEVNULL, text=True, errors="replace", **options)
    if check and done.returncode != 0:
        pytest.fail(f"{' '.join(map(str, command))}: exit status {done.returncode}\n{done.stdout[-4000:]}", pytrace=False)
    return done


#: DKMS and systemd-tmpfiles want /proc, and an unprivileged container lets nobody mount it in a root.
needs_proc = pytest.mark.skipif(
    subprocess.run(["unshare", "--mount", "true"], stderr=subprocess.DEVNULL).returncode != 0,
    reason="no mounts in this container, so no /proc in the root")


class Root:
    """A root directory into which packages are installed, without booting it."""

    def __init__(self, path):
        self.path = path
        self.kernel = next((path / "lib/modules").iterdir()).name

    def __truediv__(self, name):
        return self.path / str(name).lstrip("/")

    def run(self, *command, check=True):
        return call(HERE / "in-root", self.path, *command, check=check)

    def install(self, *debs):
        return call(HERE / "install-packages", self.path, *debs).stdout


def packages(*names):
    """The .deb files of "make deb"."""
    return [next((BUILD / "deb").glob(f"{name}_*.deb")) for name in names]
