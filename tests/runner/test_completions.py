# SPDX-License-Identifier: GPL-2.0-or-later
"""The completions of bash and zsh, with the command's own help and a list of jobs that is made up."""
import os
import pty
import re
import select
import signal
import subprocess
import time
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parent.parent.parent
COMPLETIONS = CHECKOUT / "packaging/completions"
BASH = """
source %s
line=$1
COMP_LINE=$line COMP_POINT=${#line}
# as readline splits them
mapfile -t COMP_WORDS < <(sed 's/[=:]/\\n&\\n/g; s/  */\\n/g' <<< "$line")
COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
compopt() { :; }
_kftp
printf '%%s\\n' "${COMPREPLY[@]}"
"""


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    """kftp is the one that was built, but for the jobs it lists."""
    directory = tmp_path_factory.mktemp("kftp")
    command = directory / "kftp"
    command.write_text(f"#!/bin/sh\n[ \"$1\" != list ] || [ \"$2\" != --no-legend ] || {{ printf 'nightly  done\\nnight:2  failed\\norders  done\\n'; exit; }}\n"
                       f"exec {os.environ.get('KFTP', CHECKOUT / 'build/userspace/kftp')} \"$@\"\n")
    command.chmod(0o755)
    (directory / "report.csv").touch()
    return dict(os.environ, PATH=f"{directory}:{os.environ['PATH']}", HOME=str(directory), TERM="dumb"), directory


@pytest.mark.parametrize("line, expected", [
    ("kftp st", {"status"}),
    ("kftp re", {"retry", "reload"}),
    ("kftp run n", {"nightly", "night:2"}),
    ("kftp status ", {"nightly", "night:2", "orders"}),
    ("kftp status night:", {"2"}),
    ("kftp run --wa", {"--wait "}),
    ("kftp history --si", {"--since="}),
    ("kftp history --result=f", {"failed"}),
    ("kftp history --file=rep", {"report.csv"}),
    ("kftp get --tls=re", {"require"}),
    ("kftp get --mti", {""}),
    ("kftp reload ", {""}),
])
def test_bash(line, expected, environment):
    env, directory = environment
    done = subprocess.run(["bash", "--norc", "-c", BASH % (COMPLETIONS / "kftp.bash"), "bash", line], env=env, cwd=directory,
                          capture_output=True, text=True, timeout=60)
    assert done.stderr == ""
    assert set(done.stdout.split("\n")[:-1]) == expected


@pytest.mark.parametrize("line, expected", [
    ("kftp stat", "kftp status "),
    ("kftp status ord", "kftp status orders "),
    ("kftp run --wa", "kftp run --wait "),
    ("kftp history --sin", "kftp history --since="),
    ("kftp get rep", "kftp get report.csv "),
])
def test_zsh(line, expected, environment):
    """As on a terminal: what the line has become after a tab is printed by the shell itself."""
    env, directory = environment
    pid, fd = pty.fork()
    if pid == 0:
        os.chdir(directory)
        os.execvpe("zsh", ["zsh", "-f", "-i"], env)
    said = b""

    def read_until(pattern):
        nonlocal said
        end = time.monotonic() + 30
        while not re.search(pattern, said):
            assert time.monotonic() < end and select.select([fd], [], [], 30)[0], said
            said += os.read(fd, 4096)
        found, said = re.search(pattern, said), b""
        return found

    try:
        os.write(fd, f"PS1=; unset zle_bracketed_paste; fpath=({COMPLETIONS} $fpath); autoload -Uz compinit && compinit -u -D; bindkey -e; unsetopt beep; "
                     "show() { print -r -- \"<<$BUFFER>>\"; BUFFER=; }; zle -N show; bindkey '^X^P' show; print ready${:-!}\n".encode())
        read_until(rb"ready!")
        os.write(fd, line.encode() + b"\t\x18\x10")
        assert read_until(rb"<<(.*?)>>").group(1).decode() == expected
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        os.close(fd)
