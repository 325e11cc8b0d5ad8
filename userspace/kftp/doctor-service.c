// SPDX-License-Identifier: GPL-2.0-or-later
/* kftp doctor: what surrounds the daemon. Are there its credentials, does systemd learn of schedules, can it be talked to? */

#include <sys/stat.h>

#include "doctor.h"
#include "util.h"

static bool is_installed(void) {
        return access("/run/systemd/system", F_OK) >= 0 &&
                (access("/lib/systemd/system/kftpd.service", F_OK) >= 0 || access("/etc/systemd/system/kftpd.service", F_OK) >= 0);
}

static void check_directory(Doctor *d, const char *path, const char *make, const char *close) {
        struct stat st;

        if (stat(path, &st) < 0)
                doctor_fail(d, "credentials", make, "%s: %s: kftpd cannot start without it", path, strerror(errno));
        else if (st.st_uid != 0 || (st.st_mode & 077))
                doctor_fail(d, "credentials", close, "%s, for passwords, is not root's alone", path);
        else
                doctor_ok("credentials", "%s, for passwords", path);
}

void doctor_check_credentials(Doctor *d) {
        if (!is_installed())
                return;
        check_directory(d, "/etc/kftp/credentials", "sudo install -d -m 0700 /etc/kftp/credentials",
                        "sudo chown root: /etc/kftp/credentials && sudo chmod 0700 /etc/kftp/credentials");
        check_directory(d, "/etc/kftp/credentials.encrypted", "sudo install -d -m 0700 /etc/kftp/credentials.encrypted",
                        "sudo chown root: /etc/kftp/credentials.encrypted && sudo chmod 0700 /etc/kftp/credentials.encrypted");
}

void doctor_check_schedules(Doctor *d) {
        _cleanup_free_ char *active = NULL;

        if (!is_installed())
                return;
        active = doctor_ask((const char *const[]) { "systemctl", "is-active", "kftp-schedule.path", NULL });
        if (active && streq(active, "active"))
                doctor_ok("schedules", "kftp-schedule.path watches for jobs with OnCalendar=");
        else
                doctor_fail(d, "schedules", "sudo systemctl enable --now kftp-schedule.path",
                            "kftp-schedule.path is %s: what jobs have in OnCalendar= begins to hold at systemctl daemon-reload only",
                            active && *active ? active : "in an unknown state");
}

/* Anybody may ask the bus who is there. */
void doctor_check_bus(Doctor *d) {
        _cleanup_free_ char *daemon = NULL, *owned = NULL;

        if (!is_installed())
                return;
        daemon = doctor_ask((const char *const[]) { "systemctl", "is-active", "kftpd.service", NULL });
        if (!daemon || !streq(daemon, "active"))
                return;
        owned = doctor_ask((const char *const[]) { "busctl", "--system", "call", "org.freedesktop.DBus", "/org/freedesktop/DBus",
                                                   "org.freedesktop.DBus", "NameHasOwner", "s", "org.kftp1", NULL });
        if (owned && streq(owned, "b true"))
                doctor_ok("bus", "kftpd answers as org.kftp1");
        else
                doctor_fail(d, "bus", "sudo systemctl reload dbus && sudo systemctl restart kftpd",
                            "kftpd does not have its name org.kftp1 on the system bus: kftp list and the like do not work");
}
