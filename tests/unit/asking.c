/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Questions come through a FIFO in the daemon's directory; see asking.h. */

#define SD_JOURNAL_SUPPRESS_LOCATION

#include "asking.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <systemd/sd-journal.h>

#define QUESTION_MAX 200

static int ask(Manager *m, const char *what, const char *name, uint64_t *ret_number) {
        if (streq(what, "run") || streq(what, "run-again"))
                return manager_run(m, name, RUN_HAND, streq(what, "run-again"), ret_number);
        if (streq(what, "elapse"))
                return manager_run(m, name, RUN_CALENDAR, false, ret_number);
        if (streq(what, "cancel"))
                return manager_cancel(m, name);
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
