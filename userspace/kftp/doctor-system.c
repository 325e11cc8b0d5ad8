// SPDX-License-Identifier: GPL-2.0-or-later
/* kftp doctor: user space's side. May this user, does the daemon run, are its directories and root certificates there? */

#include <gnutls/gnutls.h>
#include <grp.h>
#include <pwd.h>
#include <sys/stat.h>

#include "doctor.h"
#include "util.h"

#define GROUP "kftp-users"
#define UNIT "kftpd.service"

/* In the group now, by this process's rights. */
static bool is_member(gid_t group) {
        gid_t groups[1024];
        int n = getgroups(ELEMENTS(groups), groups);

        for (int i = 0; i < n; i++)
                if (groups[i] == group)
                        return true;
        return getegid() == group;
}

/* In the group by the user database: after the next login. */
static bool is_listed(const struct group *group, const char *user) {
        for (char **member = group->gr_mem; *member; member++)
                if (streq(*member, user))
                        return true;
        return false;
}

void doctor_check_group(Doctor *d) {
        const struct group *group = getgrnam(GROUP);
        const struct passwd *entry = getpwuid(geteuid());
        const char *user = entry ? entry->pw_name : "USER";
        _cleanup_free_ char *mend = NULL;

        if (!group && geteuid() == 0)
                doctor_note("group", "%s does not exist: only root can use kftp (sudo systemd-sysusers)", GROUP);
        else if (geteuid() == 0)
                doctor_ok("group", "root needs no group");
        else if (group && is_member(group->gr_gid))
                doctor_ok("group", "%s is in %s, which means: may reach any host over FTP, whatever a security module says of "
                          "this program's own sockets", user, GROUP);
        else if (group && is_listed(group, user))
                doctor_fail(d, "group", "log out and in again", "%s was put into %s after logging in", user, GROUP);
        else {
                if (asprintf(&mend, "%ssudo usermod -aG %s %s, then log out and in again", group ? "" : "sudo systemd-sysusers && ",
                             GROUP, user) < 0)
                        mend = NULL;
                doctor_fail(d, "group", mend, group ? "%s is not in %s" : "%s is not in %s: there is no such group", user, GROUP);
        }
}

static char *unit_property(const char *property) {
        _cleanup_free_ char *option = NULL;

        if (asprintf(&option, "--property=%s", property) < 0)
                return NULL;
        return doctor_ask((const char *const[]) { "systemctl", "show", "--value", option, UNIT, NULL });
}

static bool daemon_is_installed(void) {
        _cleanup_free_ char *load_state = NULL;

        if (access("/run/systemd/system", F_OK) < 0)
                return false;
        load_state = unit_property("LoadState");
        return load_state && streq(load_state, "loaded");
}

void doctor_check_daemon(Doctor *d) {
        _cleanup_free_ char *active = NULL;

        if (access("/run/systemd/system", F_OK) < 0) {
                doctor_note("daemon", "systemd does not run here, so kftpd does not either; kftp get does not need it");
                return;
        }
        if (!daemon_is_installed()) {
                doctor_note("daemon", "%s is not installed: job files are not run", UNIT);
                return;
        }
        active = unit_property("ActiveState");
        if (active && (streq(active, "active") || streq(active, "reloading")))
                doctor_ok("daemon", "%s is %s", UNIT, active);
        else if (active && streq(active, "failed"))
                doctor_fail(d, "daemon", "journalctl -u " UNIT "; sudo systemctl restart " UNIT, "%s has failed", UNIT);
        else
                doctor_fail(d, "daemon", "sudo systemctl start " UNIT, "%s is %s: job files are not run", UNIT, active ?: "in an unknown state");
}

/* The state directory is closed to others: whether it is there can be told all the same. */
void doctor_check_directories(Doctor *d) {
        static const struct {
                const char *path, *what, *mend;
        } directories[] = {
                { "/etc/kftp.d",   "job files",        "sudo install -d -m 0755 /etc/kftp.d"                       },
                { "/var/lib/kftp", "the daemon's state", "sudo install -d -m 0700 -o kftp -g kftp /var/lib/kftp" },
        };
        struct stat st;

        if (!daemon_is_installed())
                return;
        for (size_t i = 0; i < ELEMENTS(directories); i++) {
                if (stat(directories[i].path, &st) < 0)
                        doctor_fail(d, "directory", directories[i].mend, "%s, for %s: %s", directories[i].path, directories[i].what,
                                    strerror(errno));
                else if (!S_ISDIR(st.st_mode))
                        doctor_fail(d, "directory", directories[i].mend, "%s is not a directory", directories[i].path);
                else
                        doctor_ok("directory", "%s, for %s", directories[i].path, directories[i].what);
        }
}

/* As the library looks for them. Whose servers have certificates of his own making needs none. */
void doctor_check_certificates(Doctor *d) {
        gnutls_certificate_credentials_t credentials;
        int n;

        if (d->answers && !d->has_tls)
                return;
        if (gnutls_certificate_allocate_credentials(&credentials) < 0)
                return;
        n = gnutls_certificate_set_x509_system_trust(credentials);
        gnutls_certificate_free_credentials(credentials);
        if (n > 0)
                doctor_ok("certificates", "%d root certificates, by which TLS servers are verified", n);
        else
                doctor_note("certificates", "no root certificates are installed: TLS servers are verified by --ca only "
                            "(sudo apt install ca-certificates)");
}
