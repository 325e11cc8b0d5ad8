// SPDX-License-Identifier: GPL-2.0-or-later
/* What is said when a call of the daemon has failed, what to do about it, and the exit code of it. */

#include <pwd.h>

#include "bus-client.h"
#include "bus-error.h"
#include "job-value.h"
#include "libkftp.h"

#define SUGGESTIONS_MAX 10000

static bool is_error(const sd_bus_error *error, const char *name) {
        return sd_bus_error_has_name(error, name);
}

bool bus_is_absent(const sd_bus_error *error, int r) {
        return is_error(error, SD_BUS_ERROR_SERVICE_UNKNOWN) || is_error(error, SD_BUS_ERROR_NAME_HAS_NO_OWNER) ||
                is_error(error, SD_BUS_ERROR_DISCONNECTED) || r == -ENOTCONN || r == -ECONNRESET || r == -EHOSTUNREACH;
}

/* ---- No such job ------------------------------------------------------------------------------- */

int bus_complain_name(const char *name, JobList *jobs) {
        size_t n = MIN2(jobs->n, (size_t) SUGGESTIONS_MAX);
        _cleanup_free_ const char **names = calloc(n + 1, sizeof(*names));
        _cleanup_free_ char *shown = kftp_escape(name, strlen(name));
        const char *nearest;

        for (size_t i = 0; names && i < n; i++)
                names[i] = jobs->jobs[i].job;
        nearest = names ? job_nearest(name, names, n) : NULL;
        if (nearest)
                fprintf(stderr, "kftp: there is no job '%s'; did you mean '%s'?\n", strempty(shown), nearest);
        else
                fprintf(stderr, "kftp: there is no job '%s'; kftp list shows those there are, and a new one is a file "
                        "/etc/kftp.d/NAME.job\n", strempty(shown));
        return KFTP_CLASS_USAGE;
}

int bus_complain_pattern(const char *pattern) {
        _cleanup_free_ char *shown = kftp_escape(pattern, strlen(pattern));

        fprintf(stderr, "kftp: no job is like '%s'\n", strempty(shown));
        return KFTP_CLASS_USAGE;
}

/* Asks what jobs there are, which may fail for the same reason. */
static int complain_missing(sd_bus *bus, const char *name) {
        _cleanup_message_ sd_bus_message *reply = NULL;
        JobList jobs = {};
        int r = bus_try(bus, NULL, &reply, "ListJobs", "su", "", 1000U), class;
        const char *other;

        if (r >= 0)
                r = sd_bus_message_enter_container(reply, 'a', "(sa{sv})");
        while (r >= 0 && (r = sd_bus_message_enter_container(reply, 'r', "sa{sv}")) > 0) {
                r = sd_bus_message_read(reply, "s", &other);
                if (r >= 0 && !job_list_add(&jobs, other))
                        break;
                if (r >= 0)
                        r = sd_bus_message_skip(reply, "a{sv}");
                if (r >= 0)
                        r = sd_bus_message_exit_container(reply);
        }
        class = bus_complain_name(name, &jobs);
        job_list_done(&jobs);
        return class;
}

/* ---- No rights --------------------------------------------------------------------------------- */

static bool is_reading(const char *method) {
        static const char *const others[] = { "Run", "Cancel", "Retry", "Reload" };

        for (size_t i = 0; i < ELEMENTS(others); i++)
                if (streq(method, others[i]))
                        return false;
        return true;
}

static int complain_rights(const char *method) {
        const struct passwd *user = getpwuid(geteuid());

        if (is_reading(method))
                fprintf(stderr, "kftp: no right to ask kftpd: not a member of group kftp-users: sudo usermod -aG kftp-users %s, "
                        "then log in again\n", user ? user->pw_name : "USER");
        else
                fprintf(stderr, "kftp: no right to do this: jobs are run, cancelled and reloaded by root, or the user kftp: try sudo kftp\n");
        return KFTP_CLASS_DEVICE;
}

/* ---- All of it --------------------------------------------------------------------------------- */

static const char *why(const sd_bus_error *error, int r) {
        return error->message ?: strerror(-r);
}

int bus_complain(sd_bus *bus, const sd_bus_error *error, int r, const char *method, const char *job) {
        _cleanup_free_ char *text = kftp_escape(why(error, r), strlen(why(error, r)));

        if (bus_is_absent(error, r)) {
                fprintf(stderr, "kftp: kftpd is not running: sudo systemctl start kftpd (systemctl status kftpd tells why it has ended)\n");
                return KFTP_CLASS_DEVICE;
        }
        if (is_error(error, SD_BUS_ERROR_ACCESS_DENIED) || (!error->name && r == -EACCES))
                return complain_rights(method);
        if (is_error(error, SD_BUS_ERROR_NO_REPLY) || is_error(error, SD_BUS_ERROR_TIMEOUT) || r == -ETIMEDOUT) {
                fprintf(stderr, "kftp: kftpd does not answer: %s; see journalctl -u kftpd\n", strempty(text));
                return KFTP_CLASS_NETWORK;
        }
        if (!job)
                job = "";
        if (is_error(error, BUS_ERROR "NoSuchJob"))
                return complain_missing(bus, job);
        if (is_error(error, BUS_ERROR "Masked"))
                fprintf(stderr, "kftp: %s is masked: its file is a link to /dev/null, which has to be removed first\n", job);
        else if (is_error(error, BUS_ERROR "Rejected"))
                fprintf(stderr, "kftp: %s cannot run: its file has errors: kftp status %s\n", job, job);
        else if (is_error(error, BUS_ERROR "NotRunning"))
                fprintf(stderr, streq(method, "Cancel") ? "kftp: %s is neither running, nor queued or waiting\n"
                        : "kftp: %s has not failed, and waits for no further attempt: kftp run runs it\n", job);
        else if (is_error(error, BUS_ERROR "AlreadyRunning") || is_error(error, BUS_ERROR "Stopping")) {
                fprintf(stderr, "kftp: %s%s%s\n", job, *job ? ": " : "", strempty(text));
                return KFTP_CLASS_BUSY;
        } else
                fprintf(stderr, "kftp: %s%skftpd refuses: %s\n", job, *job ? ": " : "", strempty(text));
        return KFTP_CLASS_OTHER;
}
