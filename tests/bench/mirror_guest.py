# SPDX-License-Identifier: GPL-2.0-or-later
"""mirror_guest FILES,... SHAPE,... SERVER,... CLIENT,...: the guest's part of tests/bench/mirror. Prints, for each server, tree and
client, billions of instructions of the client, and of all of the guest, and the most memory that it had, in MiB."""
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import support  # noqa: E402
from servers.real import ALL  # noqa: E402

USER, PASSWORD = "bench", "of-no-worth"
HOME = Path("/srv") / USER


def make_account():
    subprocess.run(["useradd", "--home-dir", HOME, "--no-create-home", "--shell", "/bin/bash", USER], check=True)
    subprocess.run(["chpasswd"], input=f"{USER}:{PASSWORD}\n", text=True, check=True)
    HOME.mkdir()
    subprocess.run(["modprobe", "loop"], check=True)
    subprocess.run(["mount", "-o", "loop,noatime", "/run/vm/trees.img", HOME], check=True)
    Path("/run/password").write_text(PASSWORD + "\n")
    os.chmod("/run/password", 0o600)


def kftp(server, tree):
    return ["/run/vm/kftp", "mirror", "--no-progress", "--password-file=/run/password",
            server.url(f"source/{tree}"), HOME / "copy" / tree]


def lftp(server, tree):
    more = "set ftp:use-mlsd yes; " if server.name != "vsftpd" else ""
    return ["lftp", "--norc", "-c", f"{more}open -u {USER},{PASSWORD} -p {server.port} {server.host}; "
            f"mirror -v --no-perms source/{tree} {HOME}/copy/{tree}"]


CLIENTS = {"kftp": kftp, "lftp": lftp}
#: what each says if it has transferred something, or would have if it could write
MOVED = {"kftp": "transferred", "lftp": "New:"}


def busy():
    """Seconds that the processor was not idle."""
    up, idle = (float(word) for word in Path("/proc/uptime").read_text().split())
    return up - idle


def cost(name, command):
    """CPU seconds of the client, of all, and MiB."""
    memory, begin = 0, busy()
    with open("/run/output", "wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output)
        while os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT | os.WNOHANG) is None:
            memory = max(memory, support.resident_peak(process.pid) / 1048576)
            time.sleep(0.1)
    whole = busy() - begin
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    said = Path("/run/output").read_text(errors="replace")
    assert process.returncode == 0, f"{command} ended with {process.returncode}:\n{said[-2000:]}"
    assert MOVED[name] not in said, f"{command} has transferred something:\n{said[-2000:]}"
    return usage.ru_utime + usage.ru_stime, whole, memory


def compare(server, tree, clients):
    """A line for each client, as soon as it is known; with what part the first one's costs are of it."""
    ours = None
    for name in clients:
        theirs = cost(name, CLIENTS[name](server, tree))
        ours = ours or theirs
        print(f"{server.name + ' ' + tree:28} {name:5} {theirs[0]:8.3f} {theirs[1]:8.3f} {theirs[2]:7.1f} "
              f"{ours[0] / theirs[0]:8.3f} {ours[1] / theirs[1]:8.3f}", flush=True)


def keep_awake():
    """While all wait, the guest's clock would leap to the next deadline, past what the host is still reading."""
    pid = os.fork()
    if pid == 0:
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
        while True:
            pass
    return pid


def main():
    counts, shapes, servers, clients = (argument.split(",") for argument in sys.argv[1:])
    spinning = keep_awake()
    support.load_module()
    make_account()
    # What is on the disk is in memory after this.
    subprocess.run(["find", HOME, "-size", "+1G"], check=True)
    trees = [f"{shape}-{count}" for count in counts for shape in shapes]
    running = [ALL[kind](f"/run/servers/{kind}", USER, PASSWORD, host="localhost").start() for kind in servers]
    for server in running:
        for name in clients:
            cost(name, CLIENTS[name](server, trees[0]))
    # From here on nothing is waited for that is not in the guest, and to wait need not take instructions.
    os.kill(spinning, signal.SIGKILL)
    print(f"{'':34} {'client':>8} {'guest':>8} {'MiB':>7} {'part of it':>17}", flush=True)
    for server in running:
        for tree in trees:
            compare(server, tree, clients)
        server.stop()


main()
