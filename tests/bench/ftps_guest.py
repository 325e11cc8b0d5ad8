# SPDX-License-Identifier: GPL-2.0-or-later
"""ftps_guest MIB ROUNDS VERSION:CIPHER|plain...: the guest's part of tests/bench/ftps. Prints, for each cipher and
client, billions of instructions for a GiB, in user and kernel mode, and millions for a download of nothing."""
import os
import signal
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import support  # noqa: E402
from servers.certificates import Certificates  # noqa: E402
from servers.real import ALL  # noqa: E402
from servers.real_tls import CIPHERS, Settings  # noqa: E402

#: without characters that the clients' command lines and files quote differently
USER, PASSWORD = "bench", "of-no-worth"
OUT = Path("/run/out")


def make_account():
    home = Path("/srv") / USER
    subprocess.run(["useradd", "--create-home", "--home-dir", home, "--shell", "/bin/bash", USER], check=True)
    subprocess.run(["chpasswd"], input=f"{USER}:{PASSWORD}\n", text=True, check=True)
    return home


def kftp(url, ca, version, cipher):
    tls = [f"--ca={ca}", "--tls=require"] if cipher else ["--tls=no"]
    return [support.BUILD / "userspace/kftp", "get", "-q", "--retries=0", "--password-file=/run/password", *tls, url, OUT]


def curl(url, ca, version, cipher):
    tls = ["--ssl-reqd", "--cacert", ca, f"--tlsv{version}"] if cipher else []
    return ["curl", "-sS", "--netrc-file", "/run/netrc", *tls, "-o", OUT, url]


CLIENTS = {"kftp": kftp, "curl": curl}


def cost(command, source):
    """CPU seconds of a run that has brought the right bytes. How they are shared out between user and kernel mode is
    an estimate of the kernel's; their sum is exact."""
    OUT.unlink(missing_ok=True)
    process = subprocess.Popen(command)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, f"{command} ended with {process.returncode}"
    assert support.same_bytes(source, OUT), f"{command} has brought other bytes"
    return usage.ru_utime + usage.ru_stime


def measure(server, ca, version, cipher, home, rounds):
    """{client: (of the big file less the empty one, of the empty one)}, in seconds: the least of the rounds."""
    found = {name: [] for name in CLIENTS}
    for number in range(rounds + 1):
        for name, client in CLIENTS.items():
            big, empty = (cost(client(server.url(file), ca, version, cipher), home / file) for file in ("big", "empty"))
            if number:  # the first round is to warm up
                found[name].append((big - empty, empty))
    return {name: min(costs) for name, costs in found.items()}


def report(what, found, size):
    for name, (moved, empty) in found.items():
        print(f"{what:22} {name:5} {moved * 1024 / size:8.3f} {empty * 1000:10.1f} {moved / found['curl'][0]:7.3f}", flush=True)


def drivers():
    """What the kernel has chosen for its TLS: of each algorithm the one of highest priority."""
    best = {}
    for block in Path("/proc/crypto").read_text().strip().split("\n\n"):
        entry = dict(line.split(":", 1) for line in block.splitlines())
        entry = {key.strip(): value.strip() for key, value in entry.items()}
        if entry["name"] in ("gcm(aes)", "rfc7539(chacha20,poly1305)"):
            best[entry["name"]] = max(best.get(entry["name"], (0, "")), (int(entry["priority"]), entry["driver"]))
    return ", ".join(f"{name}: {driver}" for name, (_, driver) in best.items())


def keep_awake():
    """While all wait, the guest's clock would leap to the next deadline, past what the host is still reading."""
    pid = os.fork()
    if pid == 0:
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
        while True:
            pass
    return pid


def main():
    spinning = keep_awake()
    size, rounds = int(sys.argv[1]), int(sys.argv[2])
    support.load_module()
    home = make_account()
    Path("/run/password").write_text(PASSWORD + "\n")
    Path("/run/netrc").write_text(f"machine localhost login {USER} password {PASSWORD}\n")
    os.chmod("/run/password", 0o600)
    certificates = Certificates(Path("/run/certificates"))
    support.write_pattern(home / "big", size << 20)
    support.write_pattern(home / "empty", 0)
    print(f"{'':28} {'G / GiB':>8} {'M if empty':>10} {'x curl':>7}", flush=True)
    for what in sys.argv[3:]:
        version, _, cipher = what.partition(":")
        assert what == "plain" or cipher in CIPHERS, f"no cipher: {what}"
        tls = Settings(certificates.good.pem, version=version, cipher=cipher) if cipher else None
        server = ALL["vsftpd"](f"/run/servers/{what}", USER, PASSWORD, host="localhost", tls=tls).start()
        report(what, measure(server, certificates.ca, version, cipher, home, rounds), size)
        server.stop()
    print(drivers())
    os.kill(spinning, signal.SIGKILL)


main()
