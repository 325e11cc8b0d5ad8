# SPDX-License-Identifier: GPL-2.0-or-later
"""The service and what surrounds it: device, rights, limits of the unit, upgrade of the module."""
import os
import re

from feed import MIB, ServerLog, is_active, offer, run, sha256, wait_for

GET = ("/usr/bin/kftp", "get", "--user=feed", "--password-file=/root/feed.password", "--timeout=8", "--retries=0")


def transient(*properties, command):
    """Runs a command in a service of its own and returns its exit status."""
    options = [f"--property={p}" for p in properties]
    return run("systemd-run", "--wait", "--pipe", "--quiet", "--collect", *options, *command, check=False)


def offer_to_root(name):
    with open("/root/feed.password", "w", opener=lambda p, f: os.open(p, f, 0o600)) as f:
        f.write("kept-secret\n")
    return offer(name, MIB)


def test_the_device_belongs_to_its_group():
    assert run("stat", "-c", "%U:%G %a", "/dev/kftp").stdout.strip() == "root:kftp-users 660"
    opened = ("setpriv", "--reuid=nobody", "--clear-groups", "--regid=nogroup", "sh", "-c", ": <>/dev/kftp")
    assert run(*opened, check=False).returncode != 0
    opened = ("setpriv", "--reuid=nobody", "--regid=nogroup", "--groups=kftp-users", "sh", "-c", ": <>/dev/kftp")
    assert run(*opened, check=False).returncode == 0


def test_the_daemon_comes_and_goes_with_the_module():
    assert is_active()
    run("rmmod", "kftp")
    wait_for("kftpd stops", lambda: not is_active())
    run("modprobe", "kftp")
    wait_for("kftpd starts", is_active)
    assert run("stat", "-c", "%G", "/dev/kftp").stdout.strip() == "kftp-users"


def test_doctor_says_how_to_reload_the_module_where_the_daemon_is_enabled(tmp_path):
    other = tmp_path / "version"
    other.write_text("0.0.1\n")
    run("mount", "--bind", other, "/sys/module/kftp/version")
    try:
        said = run("kftp", "doctor", check=False).stdout
        assert "the loaded module is version 0.0.1" in said
        assert "-> sudo modprobe -r kftp && sudo modprobe kftp && sudo systemctl start kftpd\n" in said
        run("systemctl", "disable", "kftpd")
        said = run("kftp", "doctor", check=False).stdout
        assert "-> sudo modprobe -r kftp && sudo modprobe kftp\n" in said
    finally:
        run("umount", "/sys/module/kftp/version")
        run("systemctl", "enable", "kftpd")


def test_a_disabled_daemon_stays_away():
    run("systemctl", "disable", "--now", "kftpd")
    run("rmmod", "kftp")
    run("modprobe", "kftp")
    run("udevadm", "settle")
    assert run("systemctl", "is-active", "kftpd", check=False).stdout.strip() == "inactive"
    run("systemctl", "enable", "--now", "kftpd")
    assert is_active()


def test_ip_address_deny_binds_transfers(target):
    """The module's sockets are made in the cgroup of the caller: a unit's address filter holds for them."""
    digest = offer_to_root("deny.bin")
    log = ServerLog()
    get = (*GET, "ftp://127.0.0.1/deny.bin", target / "deny.bin")
    denied = transient("IPAddressDeny=any", command=get)
    assert denied.returncode == 6, denied.stdout
    assert log.commands("USER") == [] and not (target / "deny.bin").exists()
    allowed = transient("IPAddressDeny=any", "IPAddressAllow=127.0.0.1", command=get)
    assert allowed.returncode == 0, allowed.stdout
    assert sha256(target / "deny.bin") == digest


def test_address_family_limits_do_not_see_the_module(target):
    """seccomp looks at system calls, and the module makes its sockets without one: kftp(4) says so."""
    digest = offer_to_root("family.bin")
    get = (*GET, "ftp://127.0.0.1/family.bin", target / "family.bin")
    done = transient("RestrictAddressFamilies=AF_UNIX AF_NETLINK", command=get)
    assert done.returncode == 0, done.stdout
    assert sha256(target / "family.bin") == digest


def test_the_confinement_holds():
    """From inside the daemon's sandbox: no capability, no other device, no place to write."""
    pid = run("systemctl", "show", "-P", "MainPID", "kftpd").stdout.strip()
    status = open(f"/proc/{pid}/status").read()
    assert re.search(r"^CapBnd:\t0+$", status, re.M) and re.search(r"^NoNewPrivs:\t1$", status, re.M)
    assert re.search(r"^Seccomp:\t2$", status, re.M)
    inside = ("nsenter", f"--target={pid}", "--mount", "--setuid=0", "sh", "-c")
    assert run(*inside, ": > /etc/kftp.d/x", check=False).returncode != 0
    assert run(*inside, ": > /srv/ftp/x && rm /srv/ftp/x", check=False).returncode == 0
