// SPDX-License-Identifier: GPL-2.0-or-later
/* Calls of the daemon's manager over the system bus: see bus-client.h. */

#include <fnmatch.h>
#include <pwd.h>
#include <stdarg.h>

#include "bus-client.h"
#include "bus-error.h"
#include "libkftp.h"

#define PAGE 1000U

int bus_connect(sd_bus **ret) {
        int r = sd_bus_open_system_with_description(ret, "kftp");

        if (r >= 0)
                return 0;
        fprintf(stderr, "kftp: cannot reach the system bus: %s; it is what kftp asks kftpd over: sudo systemctl start dbus.socket kftpd\n",
                strerror(-r));
        return KFTP_CLASS_DEVICE;
}

static int try_v(sd_bus *bus, sd_bus_error *error, sd_bus_message **ret, const char *method, const char *types, va_list ap) {
        _cleanup_message_ sd_bus_message *m = NULL, *reply = NULL;
        int r;

        r = sd_bus_message_new_method_call(bus, &m, BUS_NAME, BUS_PATH, BUS_INTERFACE, method);
        if (r >= 0)
                r = sd_bus_message_set_auto_start(m, false);
        if (r >= 0 && types)
                r = sd_bus_message_appendv(m, types, ap);
        if (r >= 0)
                r = sd_bus_call(bus, m, 0, error, &reply);
        if (r >= 0 && ret)
                *ret = STEAL_PTR(reply);
        return MIN2(r, 0);
}

int bus_try(sd_bus *bus, sd_bus_error *error, sd_bus_message **ret, const char *method, const char *types, ...) {
        va_list ap;
        int r;

        va_start(ap, types);
        r = try_v(bus, error, ret, method, types, ap);
        va_end(ap);
        return r;
}

int bus_call(sd_bus *bus, const char *job, sd_bus_message **ret, const char *method, const char *types, ...) {
        sd_bus_error error = SD_BUS_ERROR_NULL;
        int class = 0, r;
        va_list ap;

        va_start(ap, types);
        r = try_v(bus, &error, ret, method, types, ap);
        va_end(ap);
        if (r < 0)
                class = bus_complain(bus, &error, r, method, job);
        sd_bus_error_free(&error);
        return class;
}

/* ---- Jobs -------------------------------------------------------------------------------------- */

static int cannot_read(int r) {
        fprintf(stderr, "kftp: cannot understand what kftpd answers: %s; is it of the same version? (kftp status)\n", strerror(-r));
        return KFTP_CLASS_OTHER;
}

int bus_get_job(sd_bus *bus, const char *name, JobInfo *ret) {
        _cleanup_message_ sd_bus_message *reply = NULL;
        int class = bus_call(bus, name, &reply, "GetJob", "s", name), r;

        if (class != 0)
                return class;
        r = job_info_read(reply, ret);
        return r < 0 ? cannot_read(r) : 0;
}

/* a(sa{sv}); the name of the last one, which the message owns */
static int read_page(sd_bus_message *reply, JobList *l, const char **ret_last) {
        int r = sd_bus_message_enter_container(reply, 'a', "(sa{sv})");

        *ret_last = NULL;
        while (r >= 0 && (r = sd_bus_message_enter_container(reply, 'r', "sa{sv}")) > 0) {
                JobInfo *job;

                r = sd_bus_message_read(reply, "s", ret_last);
                if (r < 0)
                        return r;
                job = job_list_add(l, *ret_last);
                r = job ? job_info_read(reply, job) : -ENOMEM;
                if (r >= 0)
                        r = sd_bus_message_exit_container(reply);
        }
        return MIN2(r, 0);
}

int bus_list_jobs(sd_bus *bus, JobList *ret) {
        _cleanup_free_ char *after = strdup("");
        const char *last;

        do {
                _cleanup_message_ sd_bus_message *reply = NULL;
                int class = bus_call(bus, NULL, &reply, "ListJobs", "su", strempty(after), PAGE), r;

                if (class != 0)
                        return class;
                r = read_page(reply, ret, &last);
                if (r < 0)
                        return cannot_read(r);
                free(after);
                after = last ? strdup(last) : NULL;
        } while (after);
        job_list_sort(ret);
        return 0;
}

/* ---- Names and patterns ------------------------------------------------------------------------ */

static bool is_pattern(const char *word) {
        return strpbrk(word, "*?[") != NULL;
}

bool bus_fits_any(const char *name, char *const *words) {
        for (; *words; words++)
                if (is_pattern(*words) ? fnmatch(*words, name, 0) == 0 : streq(*words, name))
                        return true;
        return false;
}

static void keep_fitting(JobList *l, char *const *words) {
        size_t kept = 0;

        for (size_t i = 0; i < l->n; i++)
                if (bus_fits_any(l->jobs[i].job, words))
                        l->jobs[kept++] = l->jobs[i];
                else
                        job_info_done(&l->jobs[i]);
        l->n = kept;
}

static bool fits_some(const JobList *l, char *word) {
        char *const words[] = { word, NULL };

        for (size_t i = 0; i < l->n; i++)
                if (bus_fits_any(l->jobs[i].job, words))
                        return true;
        return false;
}

/* Each name by itself: there may be very many jobs. */
static int get_named(sd_bus *bus, char *const *words, JobList *ret, int *class) {
        for (; *words; words++) {
                JobInfo job = {};
                JobInfo *added;
                int c = job_list_find(ret, *words) ? 0 : bus_get_job(bus, *words, &job);

                if (c == KFTP_CLASS_USAGE)      /* there is no such job: the others are there all the same */
                        *class = c;
                else if (c != 0)
                        return c;
                if (!job.state)
                        continue;
                added = job_list_add(ret, *words);
                if (!added)
                        return cannot_read(-ENOMEM);
                job.job = added->job;
                *added = job;
        }
        job_list_sort(ret);
        return 0;
}

int bus_select_jobs(sd_bus *bus, char *const *words, bool all, JobList *ret, int *class) {
        bool patterns = all && !*words;
        int c;

        *class = 0;
        for (char *const *word = words; *word; word++)
                patterns = patterns || is_pattern(*word);
        if (!patterns)
                return get_named(bus, words, ret, class);
        c = bus_list_jobs(bus, ret);
        if (c != 0 || !*words)
                return c;
        for (char *const *word = words; *word; word++)
                if (!fits_some(ret, *word))
                        *class = is_pattern(*word) ? bus_complain_pattern(*word) : bus_complain_name(*word, ret);
        keep_fitting(ret, words);
        return 0;
}

/* ---- Properties -------------------------------------------------------------------------------- */

int bus_get_string(sd_bus *bus, const char *property, char **ret) {
        sd_bus_error error = SD_BUS_ERROR_NULL;
        int class = 0, r;

        r = sd_bus_get_property_string(bus, BUS_NAME, BUS_PATH, BUS_INTERFACE, property, &error, ret);
        if (r < 0)
                class = bus_complain(bus, &error, r, property, NULL);
        sd_bus_error_free(&error);
        return class;
}

int bus_get_number(sd_bus *bus, const char *property, unsigned *ret) {
        sd_bus_error error = SD_BUS_ERROR_NULL;
        int class = 0, r;

        r = sd_bus_get_property_trivial(bus, BUS_NAME, BUS_PATH, BUS_INTERFACE, property, &error, 'u', ret);
        if (r < 0)
                class = bus_complain(bus, &error, r, property, NULL);
        sd_bus_error_free(&error);
        return class;
}
