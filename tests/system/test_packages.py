# SPDX-License-Identifier: GPL-2.0-or-later
"""The Debian packages: installed into a root by apt, with a real DKMS build, removed, purged.

The tests run in this order on one root; each state is a fixture that the next one builds on.
"""
import re
import shutil
import stat

import pytest

from conftest import BUILD, CHECKOUT, SYSTEM, Root, call, needs_proc, packages

UNITS = ("kftpd.service", "kftp@.service", "kftp-schedule.path", "kftp-schedule.service", "kftp-success@.path", "kftp-success@.service",
         "kftp-failure@.path", "kftp-failure@.service")
VERSION = (CHECKOUT / "VERSION").read_text().strip()


@pytest.fixture(scope="module")
def root():
    path = SYSTEM / "packages-root"
    shutil.rmtree(path, ignore_errors=True)
    call("cp", "-a", "--reflink=auto", SYSTEM / "base", path)
    yield Root(path)
    shutil.rmtree(path)


@pytest.fixture(scope="module")
def installed(root):
    """What the installation said; kftp-dev comes with the others."""
    return root.install(*packages("kftp", "kftp-dkms", "kftp-dev"))


@pytest.fixture(scope="module")
def removed(root, installed):
    (root / "etc/kftp.d/feed.job").write_text("[Job]\n")
    (root / "var/lib/kftp").mkdir(mode=0o700)
    (root / "var/lib/kftp/ledger").write_text("x")
    (root / "etc/kftp/credentials/feed").write_text("secret")
    (root / "var/lib/systemd/timers").mkdir(exist_ok=True)
    (root / "var/lib/systemd/timers/stamp-kftp@feed.timer").write_text("")
    (root / "run/kftp-schedule/known").mkdir(parents=True)
    return root.run("apt-get", "remove", "-y", "kftp", "kftp-dkms", "kftp-dev").stdout


@pytest.fixture(scope="module")
def purged(root, removed):
    return root.run("dpkg", "--purge", "kftp", "kftp-dkms", "kftp-dev").stdout


def module_file(root):
    return root / f"lib/modules/{root.kernel}/updates/dkms/kftp.ko"


def owner(root, name):
    """user:group and mode, by the root's own user database."""
    return root.run("stat", "-c", "%U:%G %a", f"/{name}").stdout.strip()


# ---- Before anything is installed ---------------------------------------------------------------------

def test_one_version():
    call("packaging/check-version", cwd=CHECKOUT)


@pytest.mark.parametrize("name", ["dkms.conf", "packaging/debian/changelog", "src/main.c"])
def test_another_version_is_noticed(tmp_path, name):
    for copied in ("VERSION", "dkms.conf", "packaging/debian/changelog", "src/main.c"):
        (tmp_path / copied).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(CHECKOUT / copied, tmp_path / copied)
    changed = tmp_path / name
    changed.write_text(changed.read_text().replace(VERSION, "9.9.9"))
    done = call(CHECKOUT / "packaging/check-version", cwd=tmp_path, check=False)
    assert done.returncode == 1
    assert re.findall(r"check-version: (\S+) says '9.9.9'", done.stdout) == [name]


def test_the_service_can_replace_no_directory_that_systemd_makes_for_it():
    """systemd gives them their owner as root, and follows what it finds in a directory of the service."""
    def values(unit, key):
        return re.findall(rf"^{key}=-?(.*)$", (CHECKOUT / "systemd" / unit).read_text(), re.M)

    directories = values("kftpd.service", "RuntimeDirectory")[0].split()
    assert [d for d in directories if "/" in d] == []
    for end in ("success", "failure"):
        assert f"kftp-{end}" in directories
        assert values(f"kftp-{end}@.path", "PathExists") == [f"/run/kftp-{end}/%i"]
        assert values(f"kftp-{end}@.service", "ReadWritePaths") == [f"/run/kftp-{end}"]


def test_lintian():
    call("lintian", "--allow-root", "--fail-on", "error,warning", "--pedantic", *(BUILD / "deb").glob("*.changes"))


@needs_proc
def test_without_headers_the_missing_package_is_named(root):
    """Installing succeeds, builds nothing, and says what to install."""
    headers = root / f"lib/modules/{root.kernel}/build"
    hidden = headers.rename(headers.with_name("build.hidden"))
    try:
        said = root.install(*packages("kftp-dkms"))
        assert "no module was built" in said
        assert "apt-get install linux-headers-" in said
        assert not module_file(root).exists()
        root.run("apt-get", "purge", "-y", "kftp-dkms")
    finally:
        hidden.rename(headers)


# ---- Installed ------------------------------------------------------------------------------------------

@needs_proc
def test_dkms_builds_the_module(root, installed):
    assert re.search(rf"kftp/{VERSION}, {root.kernel}, \w+: installed", root.run("dkms", "status", "-m", "kftp").stdout)
    assert "no module was built" not in installed
    said = root.run("modinfo", "-k", root.kernel, "kftp").stdout
    assert re.search(rf"^version: +{VERSION}$", said, re.M)
    assert re.search(rf"^vermagic: +{re.escape(root.kernel)} ", said, re.M)
    assert re.search(r"^license: +GPL", said, re.M)
    assert re.search(r"^softdep: +pre: tls$", said, re.M), "nobody would load the kernel's TLS"


def test_programs_are_there(root, installed):
    assert VERSION in root.run("kftp", "--version").stdout
    assert root.run("sh", "-c", "ldd /usr/sbin/kftpd").stdout.find("not found") < 0
    for page in ("man1/kftp.1", "man4/kftp.4", "man5/kftp.job.5", "man8/kftpd.8"):
        assert (root / f"usr/share/man/{page}.gz").exists(), page


def test_users_and_groups(root, installed):
    assert root.run("id", "-nG", "kftp").stdout.split() == ["kftp"], "the group of the device comes from the unit alone"
    assert root.run("getent", "group", "kftp-users").stdout.endswith(":\n"), "a group without members"
    shell = root.run("getent", "passwd", "kftp").stdout.strip().split(":")[6]
    assert shell == "/usr/sbin/nologin"


def test_directories(root, installed):
    assert owner(root, "etc/kftp.d") == owner(root, "etc/kftp") == "root:root 755"
    assert list((root / "etc/kftp.d").iterdir()) == []
    for name in ("etc/kftp/credentials", "etc/kftp/credentials.encrypted"):
        assert owner(root, name) == "root:root 700", "passwords"
    assert owner(root, "usr/lib/kftp.d") == "root:root 755"


def test_a_served_directory_is_left_alone(root, installed):
    """vsftpd's package was there first and owns /srv/ftp."""
    assert owner(root, "srv/ftp") == "root:ftp 755"


@needs_proc
def test_an_absent_directory_is_made(root, installed):
    kept = (root / "srv/ftp").rename(root / "srv/kept")
    root.run("systemd-tmpfiles", "--create", "kftp.conf")
    assert owner(root, "srv/ftp") == "kftp:kftp 755"
    (root / "srv/ftp").rmdir()
    kept.rename(root / "srv/ftp")


def test_unit_is_enabled(root, installed):
    assert root.run("systemctl", "is-enabled", "kftpd.service").stdout.strip() == "enabled"
    for target in ("multi-user.target", "dev-kftp.device"):
        assert (root / f"etc/systemd/system/{target}.wants/kftpd.service").is_symlink(), target


def test_schedules_are_watched(root, installed):
    assert root.run("systemctl", "is-enabled", "kftp-schedule.path").stdout.strip() == "enabled"
    assert (root / "etc/systemd/system/paths.target.wants/kftp-schedule.path").is_symlink()


@pytest.mark.parametrize("unit", UNITS)
def test_unit_has_no_errors(root, installed, unit):
    assert root.run("systemd-analyze", "verify", "--man=no", unit.replace("@", "@x")).stdout == ""


@pytest.mark.parametrize("unit", [u for u in UNITS if u.endswith(".service")])
def test_unit_is_confined(root, installed, unit):
    root.run("systemd-analyze", "security", "--offline=true", "--threshold=20", f"/lib/systemd/system/{unit}")


def test_the_generator_needs_nothing_but_job_files(root, installed):
    """Nothing of /var, no user, no service: as it runs when a machine boots."""
    job = root / "usr/lib/kftp.d/feed.job"
    job.write_text("[Job]\nOnCalendar=daily\n[Source]\nURL=ftp://h/a\n[Target]\nPath=/srv/ftp/\n")
    said = root.run("sh", "-c", "mkdir /tmp/u && mount -t tmpfs none /var && /lib/systemd/system-generators/kftp-generator /tmp/u /tmp/u /tmp/u;"
                    " umount /var; find /tmp/u -type f; rm -r /tmp/u").stdout
    job.unlink()
    assert said == "/tmp/u/kftp@feed.timer\n"


def test_the_bus_has_a_policy(root, installed):
    policy = (root / "usr/share/dbus-1/system.d/org.kftp1.conf").read_text()
    assert '<allow own="org.kftp1"/>' in policy


def test_catalog_explains_each_record(root, installed):
    """MESSAGE_IDs of the daemon, as journalctl -x in this root looks them up."""
    ids = re.findall(r'"([0-9a-f]{32})"', (CHECKOUT / "userspace/kftpd/catalog-ids.h").read_text())
    assert len(ids) > 5
    listed = root.run("journalctl", "--list-catalog").stdout
    assert [i for i in ids if i not in listed] == []


def test_udev_rule(root, installed):
    rule = (root / "lib/udev/rules.d/60-kftp.rules").read_text()
    assert re.search(r'^SUBSYSTEM=="misc", KERNEL=="kftp", GROUP="kftp-users", MODE="0660", TAG\+="systemd"$', rule, re.M)


def test_nothing_is_writable_by_all(root, installed):
    for package in ("kftp", "kftp-dkms", "kftp-dev"):
        for name in root.run("dpkg", "-L", package).stdout.split("\n"):
            status = (root / name).lstat() if name.strip("/.") else None
            if status and not stat.S_ISLNK(status.st_mode):
                assert not status.st_mode & stat.S_IWOTH, name
                assert (status.st_uid, status.st_gid) == (0, 0), name


def test_programs_compile_against_kftp_dev(root, installed):
    (root / "root/try.c").write_text("""
#include <kftp/libkftp.h>
#include <stdio.h>
int main(void) {
        KftpUrl url;
        if (kftp_url_parse("ftp://reports@ftp.example/a/b.csv", &url, NULL) < 0 || KFTP_ABI_VERSION != 1)
                return 1;
        puts(url.host);
        kftp_url_done(&url);
        return 0;
}
""")
    root.run("gcc", "-Wall", "-Wextra", "-Werror", "-o", "/root/try", "/root/try.c", "-lkftp", "-luriparser", "-ljansson", "-lgnutls", "-pthread")
    assert root.run("/root/try").stdout == "ftp.example\n"


# ---- Removed, purged ---------------------------------------------------------------------------------------

@needs_proc
def test_remove_takes_the_module(root, removed):
    assert not module_file(root).exists()
    assert root.run("dkms", "status", "-m", "kftp").stdout == ""


def test_remove_takes_the_programs(root, removed):
    assert not (root / f"usr/src/kftp-{VERSION}").exists()
    assert not (root / "usr/bin/kftp").exists()
    for name in (*(f"lib/systemd/system/{u}" for u in UNITS), "lib/systemd/system-generators/kftp-generator", "usr/libexec/kftp"):
        assert not (root / name).exists(), name


def test_remove_keeps_jobs_and_state(root, removed):
    assert (root / "etc/kftp.d/feed.job").exists()
    assert (root / "var/lib/kftp/ledger").exists()
    assert (root / "etc/kftp/credentials/feed").exists()


def test_remove_forgets_which_timers_were_started(root, removed):
    """Otherwise none is started when the package is installed again before the next boot."""
    assert not (root / "run/kftp-schedule").exists()


def test_purge_takes_the_state_but_not_what_people_wrote(root, purged):
    assert not (root / "var/lib/kftp").exists()
    assert not list((root / "var/lib/systemd/timers").glob("stamp-kftp@*"))
    assert (root / "etc/kftp.d/feed.job").exists()
    assert (root / "etc/kftp/credentials/feed").exists()
    assert (root / "srv/ftp").exists()
    assert root.run("id", "-u", "kftp").returncode == 0, "the user may own files"
    left = [p for p in (root / "etc/systemd").rglob("*kftp*")]
    assert left == []
