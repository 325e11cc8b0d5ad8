/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Questions come through a FIFO in the daemon's directory; see asking.h. */

#define SD_JOURNAL_SUPPRESS_LOCATION

#include "asking.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <systemd/sd-journal.h>

#include "kftpd/bus.h"
#include "kftpd/deadline.h"

#define QUESTION_MAX 200

/* The number of its run, as somebody on the bus is told; 0: none. Nobody has to be there for that. */
static int read_number(sd_bus_message *message, uint64_t *ret) {
        const char *key;
        int r = sd_bus_message_seal(message, 1, 0);

        if (r >= 0)
                r = sd_bus_message_enter_container(message, 'a', "{sv}");
        while (r >= 0 && (r = sd_bus_message_enter_container(message, 'e', "sv")) > 0) {
                r = sd_bus_message_read(message, "s", &key);
                if (r >= 0)
                        r = streq(key, "Run") ? sd_bus_message_read(message, "v", "t", ret) : sd_bus_message_skip(message, "v");
                if (r >= 0)
                        r = sd_bus_message_exit_container(message);
        }
        return r;
}

static int read_list(sd_bus_message *message, uint64_t *ret) {
        int r = sd_bus_message_seal(message, 1, 0);

        if (r >= 0)
                r = sd_bus_message_enter_container(message, 'a', "(sa{sv})");
        while (r >= 0 && (r = sd_bus_message_skip(message, "(sa{sv})")) > 0)
                ++*ret;
        return r == -ENXIO ? 0 : r;     /* the end */
}

/* What the bus shows of a job, or of all. */
static int look(Manager *m, const char *name, uint64_t *ret_number) {
        bool all = streq(name, "-");
        Job *j = job_find(m, name);
        sd_bus_message *message = NULL;
        sd_bus *bus = NULL;
        int fds[2], r;

        if (!j && !all)
                return -ENOENT;
        r = socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) < 0 ? -errno : sd_bus_new(&bus);
        if (r >= 0)
                r = sd_bus_set_fd(bus, fds[0], fds[0]);
        if (r >= 0)
                r = sd_bus_start(bus);
        if (r >= 0)
                r = sd_bus_message_new_signal(bus, &message, BUS_PATH, BUS_INTERFACE, "Test");
        if (r >= 0)
                r = all ? bus_append_jobs(message, m, "", 0) : bus_append_job(message, m, j);
        if (r >= 0)
                r = all ? read_list(message, ret_number) : read_number(message, ret_number);
        sd_bus_message_unref(message);
        sd_bus_close_unref(bus);
        close(fds[1]);
        return r;
}

/* The deadline that is waited for has passed, and the clock was set. */
static int set_clock(Manager *m, const char *name) {
        Job *j = job_find(m, name);

        if (!j || !j->deadline_timer)
                return -ENOENT;
        (void) sd_event_source_set_time(j->deadline_timer, deadline_until(j->deadline, realtime_usec()));
        deadlines_clock_set(m);
        return 0;
}

static int ask(Manager *m, const char *what, const char *name, uint64_t *ret_number) {
        if (streq(what, "run") || streq(what, "run-again"))
                return manager_run(m, name, RUN_HAND, streq(what, "run-again"), ret_number);
        if (streq(what, "elapse"))
                return manager_run(m, name, RUN_CALENDAR, false, ret_number);
        if (streq(what, "cancel"))
                return manager_cancel(m, name);
        if (streq(what, "clock"))
                return set_clock(m, name);
        if (streq(what, "look") || streq(what, "list"))
                return look(m, name, ret_number);
        return manager_retry(m, name, ret_number);
}

static void answer(Manager *m, const char *question) {
        char what[QUESTION_MAX], name[QUESTION_MAX], text[3 * QUESTION_MAX], run[64];
        uint64_t number = 0;
        int r;

        if (sscanf(question, "%199s %199s", what, name) != 2)
                return;
        r = ask(m, what, name, &number);
        (void) snprintf(text, sizeof(text), "ANSWER %s %s: %s", what, name, r < 0 ? strerrorname_np(-r) : "0");
        (void) snprintf(run, sizeof(run), "RUN=%" PRIu64, number);
        (void) sd_journal_sendv((const struct iovec[]) { { text, strlen(text) }, { run, strlen(run) } }, 2);
}

static int on_question(sd_event_source *s, int fd, uint32_t revents, void *userdata) {
        char text[QUESTION_MAX * 4], *rest = text;
        ssize_t n = read(fd, text, sizeof(text) - 1);

        (void) s;
        (void) revents;
        if (n <= 0)
                return 0;
        text[n] = '\0';
        for (char *line; (line = strsep(&rest, "\n"));)
                answer(userdata, line);
        return 0;
}

int asking_serve(Manager *m, const char *directory) {
        char path[200];
        int fd;

        (void) snprintf(path, sizeof(path), "%s/questions", directory);
        if (mkfifo(path, 0600) < 0 && errno != EEXIST)
                return -errno;
        fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
        return fd < 0 ? -errno : sd_event_add_io(m->event, NULL, fd, EPOLLIN, on_question, m);
}

void daemon_ask(const Daemon *d, const char *question) {
        int fd = open(daemon_path(d, "questions"), O_WRONLY | O_NONBLOCK | O_CLOEXEC);

        assert_true(fd >= 0);
        assert_true(dprintf(fd, "%s\n", question) > 0);
        assert_int_equal(close(fd), 0);
}
