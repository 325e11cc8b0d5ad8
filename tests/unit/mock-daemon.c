/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A daemon that does nothing but talk: see mock-daemon.h. */

#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "kftp/bus-client.h"
#include "mock-daemon.h"

#define LATER_MAX 4
#define FIRST_RUN UINT64_C(1700000000000000)

Mock mock;

static pid_t bus_process;
static pthread_t thread;
static bool running;
static int stop_fd = -1;
static sd_bus *connection;              /* of the thread */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;       /* for the jobs' fields */
static uint64_t next_run;
static struct {
        uint64_t due;
        void (*function)(void);
} later[LATER_MAX];

/* ---- Jobs ------------------------------------------------------------------------------------------- */

static MockJob *find(const char *name) {
        for (unsigned i = 0; i < mock.n_jobs; i++)
                if (streq(mock.jobs[i].name, name))
                        return &mock.jobs[i];
        return NULL;
}

static void set(const char *name, MockField field) {
        MockJob *job = find(name);
        unsigned i = 0;

        assert_non_null(job);
        pthread_mutex_lock(&lock);
        while (job->fields[i].key && !streq(job->fields[i].key, field.key))
                i++;
        assert_true(i + 1 < MOCK_FIELDS_MAX);
        job->fields[i] = field;
        pthread_mutex_unlock(&lock);
}

MockJob *mock_add(const char *name, const char *state) {
        MockJob *job = &mock.jobs[mock.n_jobs++];

        assert_true(mock.n_jobs <= MOCK_JOBS_MAX);
        *job = (MockJob) { .name = name };
        mock_set_text(name, "State", state);
        return job;
}

void mock_set_text(const char *name, const char *key, const char *text) {
        set(name, (MockField) { .key = key, .type = streq(key, "Calendar") ? 'a' : 's', .text = text });
}

void mock_set_number(const char *name, const char *key, uint64_t number) {
        set(name, (MockField) { .key = key, .type = 't', .number = number });
}

void mock_set_small(const char *name, const char *key, uint64_t number) {
        set(name, (MockField) { .key = key, .type = 'u', .number = number });
}

void mock_end_run(const char *name, uint64_t number, const char *result, const char *text) {
        mock_set_text(name, "State", streq(result, "done") ? "done" : "failed");
        mock_set_number(name, "Run", 0);
        mock_set_number(name, "LastRun", number);
        mock_set_number(name, "LastEnded", number + 1000000);
        mock_set_text(name, "LastResult", result);
        if (text)
                mock_set_text(name, "LastText", text);
        mock_set_number(name, "LastFiles", 14);
        mock_set_number(name, "LastBytes", 1288490189);
        mock_set_number(name, "LastUSec", 80000000);
}

static int append_field(sd_bus_message *m, const MockField *f) {
        switch (f->type) {
        case 's':
                return sd_bus_message_append(m, "{sv}", f->key, "s", f->text);
        case 'u':
                return sd_bus_message_append(m, "{sv}", f->key, "u", (uint32_t) f->number);
        case 'a':
                return sd_bus_message_append(m, "{sv}", f->key, "as", 1, f->text);
        default:
                return sd_bus_message_append(m, "{sv}", f->key, "t", f->number);
        }
}

static int append_job(sd_bus_message *m, const MockJob *job) {
        int r = sd_bus_message_open_container(m, 'a', "{sv}");

        pthread_mutex_lock(&lock);
        for (const MockField *f = job->fields; r >= 0 && f->key; f++)
                r = append_field(m, f);
        pthread_mutex_unlock(&lock);
        return r < 0 ? r : sd_bus_message_close_container(m);
}

/* ---- Methods ---------------------------------------------------------------------------------------- */

static int refuse(sd_bus_error *error) {
        return sd_bus_error_set(error, mock.error, "The server's\033 words.");
}

static int read_job(sd_bus_message *m, sd_bus_error *error, MockJob **ret) {
        const char *name;
        int r = sd_bus_message_read(m, "s", &name);

        if (r < 0)
                return r;
        if (mock.error)
                return refuse(error);
        *ret = find(name);
        return *ret ? 0 : sd_bus_error_setf(error, BUS_ERROR "NoSuchJob", "There is no job %s.", name);
}

static int on_list(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        _cleanup_message_ sd_bus_message *reply = NULL;
        const char *after;
        unsigned max, n = 0;
        int r = sd_bus_message_read(m, "su", &after, &max);

        (void) userdata;
        mock.lists++;
        if (mock.error && !strstr(mock.error, "NoSuchJob"))
                return refuse(error);
        if (r >= 0)
                r = sd_bus_message_new_method_return(m, &reply);
        if (r >= 0)
                r = sd_bus_message_open_container(reply, 'a', "(sa{sv})");
        for (unsigned i = 0; r >= 0 && i < mock.n_jobs && n < max; i++) {
                if (strcmp(mock.jobs[i].name, after) <= 0)
                        continue;
                n++;
                r = sd_bus_message_open_container(reply, 'r', "sa{sv}");
                if (r >= 0)
                        r = sd_bus_message_append(reply, "s", mock.jobs[i].name);
                if (r >= 0)
                        r = append_job(reply, &mock.jobs[i]);
                if (r >= 0)
                        r = sd_bus_message_close_container(reply);
        }
        if (r >= 0)
                r = sd_bus_message_close_container(reply);
        if (r >= 0)
                r = sd_bus_message_send(reply);
        if (n == 0 && mock.on_listed) {
                mock_later(0, mock.on_listed);
                mock.on_listed = NULL;
        }
        return r;
}

static int on_get(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        _cleanup_message_ sd_bus_message *reply = NULL;
        MockJob *job;
        int r = read_job(m, error, &job);

        (void) userdata;
        if (r >= 0)
                r = sd_bus_message_new_method_return(m, &reply);
        if (r >= 0)
                r = append_job(reply, job);
        return r < 0 ? r : sd_bus_message_send(reply);
}

static int on_show(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        MockJob *job;
        int r = read_job(m, error, &job);

        (void) userdata;
        return r < 0 ? r : sd_bus_reply_method_return(m, "s", mock.show);
}

static void note(const MockJob *job) {
        (void) snprintf(mock.last, sizeof(mock.last), "%s", job->name);
}

static int on_run(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        MockJob *job;
        uint64_t number;
        int r = read_job(m, error, &job);

        (void) userdata;
        if (r >= 0)
                r = sd_bus_message_read(m, "t", &mock.flags);
        if (r < 0)
                return r;
        mock.runs++;
        note(job);
        number = next_run++;
        mock_set_text(job->name, "State", "running");
        mock_set_number(job->name, "Run", number);
        r = sd_bus_reply_method_return(m, "t", number);
        if (mock.on_run)
                mock.on_run(job->name, number);
        return r;
}

static int on_cancel(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        MockJob *job;
        int r = read_job(m, error, &job);

        (void) userdata;
        if (r < 0)
                return r;
        mock.cancels++;
        note(job);
        return sd_bus_reply_method_return(m, NULL);
}

static int on_retry(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        MockJob *job;
        int r = read_job(m, error, &job);

        (void) userdata;
        if (r < 0)
                return r;
        mock.retries++;
        note(job);
        return sd_bus_reply_method_return(m, "t", next_run++);
}

static int on_reload(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        (void) userdata;
        if (mock.error)
                return refuse(error);
        mock.reloads++;
        return sd_bus_reply_method_return(m, NULL);
}

static int on_subscribe(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        (void) userdata;
        (void) error;
        mock.subscriptions++;
        return sd_bus_reply_method_return(m, NULL);
}

static int get_text(sd_bus *bus, const char *path, const char *interface, const char *property, sd_bus_message *reply, void *userdata,
                    sd_bus_error *error) {
        (void) bus, (void) path, (void) interface, (void) userdata, (void) error;
        return sd_bus_message_append(reply, "s", streq(property, "Version") ? "0.0.1" : strempty(mock.pause));
}

static int get_count(sd_bus *bus, const char *path, const char *interface, const char *property, sd_bus_message *reply, void *userdata,
                     sd_bus_error *error) {
        unsigned n = 0;

        (void) bus, (void) path, (void) interface, (void) userdata, (void) error;
        for (unsigned i = 0; i < mock.n_jobs; i++)
                n += streq(property, "Jobs") || strcasecmp(mock.jobs[i].fields[0].text, property) == 0;
        return sd_bus_message_append(reply, "u", streq(property, "MaxRunning") ? 4 : n);
}

static const sd_bus_vtable vtable[] = {
        SD_BUS_VTABLE_START(SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD("ListJobs", "su", "a(sa{sv})", on_list, 0),
        SD_BUS_METHOD("GetJob", "s", "a{sv}", on_get, 0),
        SD_BUS_METHOD("Show", "s", "s", on_show, 0),
        SD_BUS_METHOD("Run", "st", "t", on_run, 0),
        SD_BUS_METHOD("Cancel", "s", "", on_cancel, 0),
        SD_BUS_METHOD("Retry", "s", "t", on_retry, 0),
        SD_BUS_METHOD("Reload", "", "", on_reload, 0),
        SD_BUS_METHOD("Subscribe", "", "", on_subscribe, 0),
        SD_BUS_PROPERTY("Version", "s", get_text, 0, 0),
        SD_BUS_PROPERTY("Pause", "s", get_text, 0, 0),
        SD_BUS_PROPERTY("Jobs", "u", get_count, 0, 0),
        SD_BUS_PROPERTY("MaxRunning", "u", get_count, 0, 0),
        SD_BUS_PROPERTY("Running", "u", get_count, 0, 0),
        SD_BUS_PROPERTY("Queued", "u", get_count, 0, 0),
        SD_BUS_PROPERTY("Waiting", "u", get_count, 0, 0),
        SD_BUS_PROPERTY("Scheduled", "u", get_count, 0, 0),
        SD_BUS_PROPERTY("Done", "u", get_count, 0, 0),
        SD_BUS_PROPERTY("Failed", "u", get_count, 0, 0),
        SD_BUS_PROPERTY("Rejected", "u", get_count, 0, 0),
        SD_BUS_PROPERTY("Masked", "u", get_count, 0, 0),
        SD_BUS_VTABLE_END,
};

/* ---- systemd ----------------------------------------------------------------------------------------- */

static int get_next(sd_bus *bus, const char *path, const char *interface, const char *property, sd_bus_message *reply, void *userdata,
                    sd_bus_error *error) {
        (void) bus, (void) path, (void) interface, (void) property, (void) userdata, (void) error;
        return sd_bus_message_append(reply, "t", mock.timer_next);
}

static const sd_bus_vtable timer_vtable[] = {
        SD_BUS_VTABLE_START(SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_PROPERTY("NextElapseUSecRealtime", "t", get_next, 0, 0),
        SD_BUS_VTABLE_END,
};

static void offer_timer(void) {
        _cleanup_free_ char *unit = NULL, *path = NULL;

        if (!mock.timer)
                return;
        assert_true(asprintf(&unit, "kftp@%s.timer", mock.timer) > 0);
        assert_true(sd_bus_path_encode("/org/freedesktop/systemd1/unit", unit, &path) >= 0);
        assert_true(sd_bus_add_object_vtable(connection, NULL, path, "org.freedesktop.systemd1.Timer", timer_vtable, NULL) >= 0);
        assert_true(sd_bus_request_name(connection, "org.freedesktop.systemd1", 0) >= 0);
}

/* ---- Signals ----------------------------------------------------------------------------------------- */

static sd_bus_message *new_signal(const char *member) {
        sd_bus_message *m;

        assert_true(sd_bus_message_new_signal(connection, &m, BUS_PATH, BUS_INTERFACE, member) >= 0);
        return m;
}

void mock_tell_changed(const char *name) {
        _cleanup_message_ sd_bus_message *m = new_signal("JobChanged");

        assert_true(sd_bus_message_append(m, "s", name) >= 0 && append_job(m, find(name)) >= 0);
        assert_true(sd_bus_send(connection, m, NULL) >= 0);
}

void mock_tell_ended(const char *name, uint64_t number) {
        _cleanup_message_ sd_bus_message *m = new_signal("RunEnded");

        assert_true(sd_bus_message_append(m, "st", name, number) >= 0 && append_job(m, find(name)) >= 0);
        assert_true(sd_bus_send(connection, m, NULL) >= 0);
}

void mock_tell_progress(const char *name) {
        _cleanup_message_ sd_bus_message *m = new_signal("Progress");

        assert_true(sd_bus_message_append(m, "a(sa{sv})", 1, name, 4, "Name", "s", "reports/x.csv", "FileBytes", "t", UINT64_C(1048576),
                                          "FileTotal", "t", UINT64_C(4194304), "Rate", "t", UINT64_C(524288)) >= 0);
        assert_true(sd_bus_send(connection, m, NULL) >= 0);
}

void mock_later(unsigned msec, void (*function)(void)) {
        unsigned i = 0;

        while (later[i].function)
                i++;
        assert_true(i < LATER_MAX);
        later[i].due = now_usec() + msec * USEC_PER_MSEC;
        later[i].function = function;
}

static void call_what_is_due(void) {
        for (unsigned i = 0; i < LATER_MAX; i++)
                if (later[i].function && later[i].due <= now_usec()) {
                        void (*function)(void) = later[i].function;

                        later[i].function = NULL;
                        function();
                }
}

/* ---- The thread -------------------------------------------------------------------------------------- */

static void *serve(void *unused) {
        struct pollfd fds[] = { { .fd = sd_bus_get_fd(connection), .events = POLLIN }, { .fd = stop_fd, .events = POLLIN } };

        (void) unused;
        while (!(fds[1].revents & POLLIN)) {
                while (sd_bus_process(connection, NULL) > 0)
                        ;
                (void) sd_bus_flush(connection);
                (void) poll(fds, ELEMENTS(fds), 10);
                call_what_is_due();
        }
        (void) sd_bus_flush(connection);
        return NULL;
}

/* Its connection is made here: who calls finds the name. The thread takes no signals, which are for the verbs. */
void mock_start(void) {
        sigset_t all, old;

        assert_true(sd_bus_open_system(&connection) >= 0);
        assert_true(sd_bus_add_object_vtable(connection, NULL, BUS_PATH, BUS_INTERFACE, vtable, NULL) >= 0);
        offer_timer();
        assert_true(sd_bus_request_name(connection, BUS_NAME, 0) >= 0);
        stop_fd = eventfd(0, EFD_CLOEXEC);
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &old);
        assert_int_equal(pthread_create(&thread, NULL, serve, NULL), 0);
        pthread_sigmask(SIG_SETMASK, &old, NULL);
        running = true;
}

void mock_stop(void) {
        if (!running)
                return;
        running = false;
        assert_int_equal(eventfd_write(stop_fd, 1), 0);
        pthread_join(thread, NULL);
        connection = sd_bus_flush_close_unref(connection);
        stop_fd = safe_close(stop_fd);
}

/* ---- The bus ----------------------------------------------------------------------------------------- */

static const char configuration[] =
        "<!DOCTYPE busconfig PUBLIC \"-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN\"\n"
        " \"http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd\">\n"
        "<busconfig><listen>unix:path=%s/bus</listen><policy context=\"default\"><allow user=\"*\"/><allow own=\"*\"/>"
        "<allow send_destination=\"*\" eavesdrop=\"true\"/><allow eavesdrop=\"true\"/></policy></busconfig>\n";

static int start_bus(void) {
        _cleanup_free_ char *text = NULL, *address = NULL;
        int p[2];
        char c;

        if (asprintf(&text, configuration, test_directory) < 0 || asprintf(&address, "unix:path=%s/bus", test_directory) < 0 ||
            pipe(p) < 0)
                return -1;
        test_write_file("bus.conf", text);
        bus_process = fork();
        if (bus_process == 0) {
                /* not longer than the test, which may crash */
                (void) prctl(PR_SET_PDEATHSIG, SIGKILL);
                dup2(p[1], STDOUT_FILENO);
                (void) close(p[0]);
                (void) close(p[1]);
                execlp("dbus-daemon", "dbus-daemon", "--config-file=bus.conf", "--nofork", "--nopidfile", "--print-address=1", NULL);
                _exit(127);
        }
        (void) close(p[1]);
        /* it listens when it has told where */
        while (read(p[0], &c, 1) == 1 && c != '\n')
                ;
        (void) close(p[0]);
        return setenv("DBUS_SYSTEM_BUS_ADDRESS", address, 1);
}

int mock_set_up(void **state) {
        mock = (Mock) {};
        next_run = FIRST_RUN;
        memset(later, 0, sizeof(later));
        (void) setenv("TZ", "UTC", 1);
        return test_directory_set_up(state) || start_bus();
}

int mock_tear_down(void **state) {
        mock_stop();
        if (bus_process > 0) {
                kill(bus_process, SIGKILL);
                (void) waitpid(bus_process, NULL, 0);
        }
        bus_process = 0;
        free(mock_out);
        free(mock_err);
        mock_out = mock_err = NULL;
        return test_directory_tear_down(state);
}
