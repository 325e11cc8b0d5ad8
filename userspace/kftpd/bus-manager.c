/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Methods and properties of org.kftp1.Manager. Who may call what is in org.kftp1.conf; who changes anything is looked at
 * here once more.
 */

#include <errno.h>
#include <kftp-version.h>
#include <search.h>

#include "bus.h"

#define LIST_MAX 1000U                          /* jobs in one answer */
#define RUN_AGAIN UINT64_C(1)                   /* flags of Run() */
#define RUN_BY_CALENDAR UINT64_C(2)

/* ---- Properties ----------------------------------------------------------------------------------- */

static int get_version(sd_bus *bus, const char *path, const char *interface, const char *property, sd_bus_message *reply,
                       void *userdata, sd_bus_error *error) {
        (void) bus, (void) path, (void) interface, (void) property, (void) userdata, (void) error;
        return sd_bus_message_append(reply, "s", KFTP_VERSION);
}

static int get_count(sd_bus *bus, const char *path, const char *interface, const char *property, sd_bus_message *reply,
                     void *userdata, sd_bus_error *error) {
        static const char *const names[JOB_STATES] = {
                [JOB_MASKED] = "Masked", [JOB_REJECTED] = "Rejected", [JOB_SCHEDULED] = "Scheduled", [JOB_WAITING] = "Waiting",
                [JOB_QUEUED] = "Queued", [JOB_RUNNING] = "Running", [JOB_DONE] = "Done", [JOB_FAILED] = "Failed",
        };
        const Bus *b = userdata;
        uint32_t n = 0;

        (void) bus, (void) path, (void) interface, (void) error;
        for (unsigned i = 0; i < JOB_STATES; i++)
                if (streq(property, "Jobs") || streq_ptr(property, names[i]))
                        n += b->manager->count[i];
        return sd_bus_message_append(reply, "u", n);
}

static int get_pause(sd_bus *bus, const char *path, const char *interface, const char *property, sd_bus_message *reply,
                     void *userdata, sd_bus_error *error) {
        static const char *const words[] = {
                [PAUSE_NONE] = "", [PAUSE_DEVICE] = "device", [PAUSE_STATE] = "state", [PAUSE_RESOURCES] = "resources",
        };
        const Bus *b = userdata;

        (void) bus, (void) path, (void) interface, (void) property, (void) error;
        return sd_bus_message_append(reply, "s", words[b->manager->reported_pause]);
}

static int get_max_running(sd_bus *bus, const char *path, const char *interface, const char *property, sd_bus_message *reply,
                           void *userdata, sd_bus_error *error) {
        const Bus *b = userdata;

        (void) bus, (void) path, (void) interface, (void) property, (void) error;
        return sd_bus_message_append(reply, "u", (uint32_t) b->manager->max_running);
}

/* ---- Methods -------------------------------------------------------------------------------------- */

static int fail(sd_bus_error *error, int r, const char *name) {
        switch (r) {
        case -ENOENT:
                return sd_bus_error_setf(error, BUS_ERROR_NO_SUCH_JOB, "There is no job %s.", name);
        case -ERFKILL:
                return sd_bus_error_setf(error, BUS_ERROR_MASKED, "%s is masked: its file is a link to /dev/null.", name);
        case -EBADMSG:
                return sd_bus_error_setf(error, BUS_ERROR_REJECTED, "%s cannot run: its file has errors, see \"kftp verify %s\".", name, name);
        case -EALREADY:
                return sd_bus_error_setf(error, BUS_ERROR_NOT_RUNNING, "%s has nothing to be ended or run again.", name);
        case -EBUSY:
                return sd_bus_error_setf(error, BUS_ERROR_ALREADY_RUNNING, "%s is running.", name);
        case -ESHUTDOWN:
                return sd_bus_error_setf(error, BUS_ERROR_STOPPING, "kftpd is stopping.");
        default:
                return sd_bus_error_set_errno(error, r);
        }
}

/* Says no to callers who are neither root nor the service's own user. */
static int check_caller(sd_bus_message *message, sd_bus_error *error) {
        __attribute__((cleanup(sd_bus_creds_unrefp))) sd_bus_creds *creds = NULL;
        uid_t uid = (uid_t) -1;
        int r = sd_bus_query_sender_creds(message, SD_BUS_CREDS_EUID, &creds);

        if (r >= 0)
                r = sd_bus_creds_get_euid(creds, &uid);
        if (r >= 0 && (uid == 0 || uid == geteuid()))
                return 0;
        return sd_bus_error_setf(error, SD_BUS_ERROR_ACCESS_DENIED, "Only root may run, cancel and reload jobs.");
}

/* The one argument of most methods. */
static int read_job(Bus *b, sd_bus_message *message, sd_bus_error *error, const char **ret_name, Job **ret) {
        int r = sd_bus_message_read(message, "s", ret_name);

        if (r < 0)
                return r;
        *ret = job_find(b->manager, *ret_name);
        return *ret ? 0 : fail(error, -ENOENT, *ret_name);
}

static int append_listed(sd_bus_message *reply, Manager *m, Job *j) {
        int r = sd_bus_message_open_container(reply, 'r', "sa{sv}");

        if (r >= 0)
                r = sd_bus_message_append(reply, "s", j->name);
        if (r >= 0)
                r = bus_append_job(reply, m, j);
        return r < 0 ? r : sd_bus_message_close_container(reply);
}

typedef struct Page {
        const char *after;
        Job *jobs[LIST_MAX];
        unsigned n, max;
} Page;

static void take_into_page(const void *node, VISIT which, void *userdata) {
        Job *j = *(Job *const *) node;
        Page *page = userdata;

        if ((which == postorder || which == leaf) && page->n < page->max && strcmp(j->name, page->after) > 0 &&
            bus_can_say(j->name))
                page->jobs[page->n++] = j;
}

int bus_append_jobs(sd_bus_message *message, Manager *m, const char *after, unsigned max) {
        Page page = { .after = after, .max = max == 0 ? LIST_MAX : MIN2(max, LIST_MAX) };
        int r = sd_bus_message_open_container(message, 'a', "(sa{sv})");

        twalk_r(m->by_name, take_into_page, &page);
        for (unsigned i = 0; r >= 0 && i < page.n; i++)
                r = append_listed(message, m, page.jobs[i]);
        return r < 0 ? r : sd_bus_message_close_container(message);
}

/* In pages, so that neither side has all of very many jobs in memory. */
static int on_list_jobs(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        __attribute__((cleanup(sd_bus_message_unrefp))) sd_bus_message *reply = NULL;
        Bus *b = userdata;
        const char *after;
        uint32_t max;
        int r;

        (void) error;
        r = sd_bus_message_read(message, "su", &after, &max);
        if (r >= 0)
                r = sd_bus_message_new_method_return(message, &reply);
        if (r >= 0)
                r = bus_append_jobs(reply, b->manager, after, max);
        return r < 0 ? r : sd_bus_message_send(reply);
}

static int on_get_job(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        __attribute__((cleanup(sd_bus_message_unrefp))) sd_bus_message *reply = NULL;
        Bus *b = userdata;
        const char *name;
        Job *j;
        int r = read_job(b, message, error, &name, &j);

        if (r >= 0)
                r = sd_bus_message_new_method_return(message, &reply);
        if (r >= 0)
                r = bus_append_job(reply, b->manager, j);
        return r < 0 ? r : sd_bus_message_send(reply);
}

static int on_show(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        _cleanup_free_ char *text = NULL;
        Bus *b = userdata;
        const char *name;
        Job *j;
        int r = read_job(b, message, error, &name, &j);

        if (r >= 0)
                r = job_show(b->manager, j, &text);
        if (r < 0)
                return sd_bus_error_is_set(error) ? r : fail(error, r, name);
        return sd_bus_reply_method_return(message, "s", text);
}

static int on_run(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        Bus *b = userdata;
        uint64_t flags, number = 0;
        const char *name;
        int r = check_caller(message, error);

        if (r >= 0)
                r = sd_bus_message_read(message, "st", &name, &flags);
        if (r < 0)
                return r;
        if (flags & ~(RUN_AGAIN | RUN_BY_CALENDAR))
                return sd_bus_error_setf(error, SD_BUS_ERROR_INVALID_ARGS, "Unknown flags.");
        r = manager_run(b->manager, name, flags & RUN_BY_CALENDAR ? RUN_CALENDAR : RUN_HAND, flags & RUN_AGAIN, &number);
        return r < 0 ? fail(error, r, name) : sd_bus_reply_method_return(message, "t", number);
}

static int on_cancel(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        Bus *b = userdata;
        const char *name;
        int r = check_caller(message, error);

        if (r >= 0)
                r = sd_bus_message_read(message, "s", &name);
        if (r < 0)
                return r;
        r = manager_cancel(b->manager, name);
        return r < 0 ? fail(error, r, name) : sd_bus_reply_method_return(message, NULL);
}

static int on_retry(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        Bus *b = userdata;
        uint64_t number = 0;
        const char *name;
        int r = check_caller(message, error);

        if (r >= 0)
                r = sd_bus_message_read(message, "s", &name);
        if (r < 0)
                return r;
        r = manager_retry(b->manager, name, &number);
        return r < 0 ? fail(error, r, name) : sd_bus_reply_method_return(message, "t", number);
}

static int on_reload(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        Bus *b = userdata;
        int r = check_caller(message, error);

        if (r < 0)
                return r;
        manager_reload(b->manager);
        return sd_bus_reply_method_return(message, NULL);
}

static int on_subscribe(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        Bus *b = userdata;
        int r = sd_bus_track_add_sender(b->subscribers, message);

        (void) error;
        if (r >= 0)
                bus_subscribed(b);
        return r < 0 ? r : sd_bus_reply_method_return(message, NULL);
}

static int on_unsubscribe(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        Bus *b = userdata;
        int r = sd_bus_track_remove_sender(b->subscribers, message);

        (void) error;
        return r < 0 ? r : sd_bus_reply_method_return(message, NULL);
}

#define COUNT(name) SD_BUS_PROPERTY(name, "u", get_count, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE)

const sd_bus_vtable bus_manager_vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_PROPERTY("Version", "s", get_version, 0, SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_PROPERTY("MaxRunning", "u", get_max_running, 0, SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_PROPERTY("Pause", "s", get_pause, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        COUNT("Jobs"),
        COUNT("Running"),
        COUNT("Queued"),
        COUNT("Waiting"),
        COUNT("Scheduled"),
        COUNT("Done"),
        COUNT("Failed"),
        COUNT("Rejected"),
        COUNT("Masked"),
        SD_BUS_METHOD_WITH_ARGS("ListJobs", SD_BUS_ARGS("s", after, "u", max), SD_BUS_RESULT("a(sa{sv})", jobs), on_list_jobs, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("GetJob", SD_BUS_ARGS("s", name), SD_BUS_RESULT("a{sv}", job), on_get_job, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Show", SD_BUS_ARGS("s", name), SD_BUS_RESULT("s", text), on_show, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Run", SD_BUS_ARGS("s", name, "t", flags), SD_BUS_RESULT("t", run), on_run, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Cancel", SD_BUS_ARGS("s", name), SD_BUS_NO_RESULT, on_cancel, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Retry", SD_BUS_ARGS("s", name), SD_BUS_RESULT("t", run), on_retry, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Reload", SD_BUS_NO_ARGS, SD_BUS_NO_RESULT, on_reload, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Subscribe", SD_BUS_NO_ARGS, SD_BUS_NO_RESULT, on_subscribe, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Unsubscribe", SD_BUS_NO_ARGS, SD_BUS_NO_RESULT, on_unsubscribe, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_SIGNAL_WITH_ARGS("JobChanged", SD_BUS_ARGS("s", name, "a{sv}", job), 0),
        SD_BUS_SIGNAL_WITH_ARGS("RunEnded", SD_BUS_ARGS("s", name, "t", run, "a{sv}", job), 0),
        SD_BUS_SIGNAL_WITH_ARGS("Progress", SD_BUS_ARGS("a(sa{sv})", running), 0),
        SD_BUS_VTABLE_END,
};
