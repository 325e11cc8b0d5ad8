/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The manager's life: the event loop, signals, the ends of runs, and what the service manager is
 * told. Jobs are in jobs.c, what runs when in queue.c.
 */

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <syslog.h>
#include <systemd/sd-daemon.h>

#include "bus.h"
#include "catalog-ids.h"
#include "source-looks.h"
#include "units.h"

#define LOOK_USEC (5 * USEC_PER_SEC)
#define RELEASE_USEC (5 * 60 * USEC_PER_SEC)
#define FORGET_USEC (60 * 60 * USEC_PER_SEC)
#define LEAVE_USEC (2 * USEC_PER_SEC)   /* for runs to come to a resumable point, and to take leave of their servers */
#define STOP_USEC (5 * USEC_PER_SEC)    /* without leave */

/* ---- The service manager -------------------------------------------------------------------------- */

static char *format_status(const Manager *m) {
        static const char *const pauses[] = {
                [PAUSE_NONE] = "",
                [PAUSE_DEVICE] = "; waiting for the device",
                [PAUSE_STATE] = "; waiting for the state directory",
                [PAUSE_RESOURCES] = "; waiting for resources",
        };
        char rejected[32] = "", waiting[32] = "", *text;

        if (m->count[JOB_WAITING] > 0)
                (void) snprintf(waiting, sizeof(waiting), ", %u waiting", m->count[JOB_WAITING]);
        if (m->count[JOB_REJECTED] > 0)
                (void) snprintf(rejected, sizeof(rejected), ", %u rejected", m->count[JOB_REJECTED]);
        return asprintf(&text, "%u running, %u queued%s, %u failed%s%s%s", m->count[JOB_RUNNING], m->count[JOB_QUEUED], waiting,
                        m->count[JOB_FAILED], rejected, pauses[m->reported_pause], m->stopping ? "; stopping" : "") < 0 ?
                NULL : text;
}

/* After each round of events: tells the state if it has changed. */
static int on_post(sd_event_source *s, void *userdata) {
        Manager *m = userdata;
        char *text = format_status(m);

        (void) s;
        if (!text || (m->status && streq(m->status, text))) {
                free(text);
                return 0;
        }
        free(m->status);
        m->status = text;
        (void) sd_notifyf(false, "STATUS=%s", text);
        return 0;
}

void manager_alive(Manager *m) {
        uint64_t now = now_usec();

        if (m->alive_interval == 0 || now < m->alive_usec + m->alive_interval)
                return;
        m->alive_usec = now;
        (void) sd_notify(false, "WATCHDOG=1");
}

/* The event loop tells it by itself, but not while something takes long. */
static int set_watchdog(Manager *m) {
        uint64_t usec = 0;
        int r = sd_watchdog_enabled(false, &usec);

        m->alive_interval = r > 0 ? MAX2(usec / 4, (uint64_t) 1) : 0;
        return sd_event_set_watchdog(m->event, true);
}

/* ---- Stop and reload ------------------------------------------------------------------------------ */

/* A run that hangs, say in a file system that does not answer, is taken up again like after a crash. */
static int on_stop_timeout(sd_event_source *s, uint64_t usec, void *userdata) {
        Manager *m = userdata;
        Job *j;

        (void) s;
        (void) usec;
        TAILQ_FOREACH(j, &m->jobs, jobs)
                if (j->run && !j->run->check_only)
                        report_event(&m->context.report, LOG_WARNING, KFTP_MESSAGE_JOB_INTERRUPTED, j->name, -ETIMEDOUT,
                                     "%s: interrupted, did not stop in time, goes on when kftpd starts again", j->name);
        /* Not exit(3): the threads still use what it would take down. */
        _exit(EXIT_SUCCESS);
}

static void cancel_runs(Manager *m) {
        Job *j;

        TAILQ_FOREACH(j, &m->jobs, jobs)
                if (j->run)
                        run_cancel(j->run);
}

static int arm_stop(Manager *m, uint64_t usec, sd_event_time_handler_t handler) {
        m->stop_timer = sd_event_source_disable_unref(m->stop_timer);
        return sd_event_add_time_relative(m->event, &m->stop_timer, CLOCK_MONOTONIC, usec, 0, handler, m);
}

/* A server that does not answer is not taken leave of. */
static int on_stop_slow(sd_event_source *s, uint64_t usec, void *userdata) {
        Manager *m = userdata;

        (void) s;
        (void) usec;
        cancel_runs(m);
        return arm_stop(m, STOP_USEC - LEAVE_USEC, on_stop_timeout);
}

static int end_if_idle(Manager *m) {
        return m->stopping && m->runs == 0 ? sd_event_exit(m->event, 0) : 0;
}

static int on_stop(sd_event_source *s, const struct signalfd_siginfo *si, void *userdata) {
        Manager *m = userdata;

        (void) s;
        (void) si;
        if (m->stopping)
                return 0;
        m->stopping = true;
        (void) sd_notify(false, "STOPPING=1");
        deadlines_judged(m);
        cancel_runs(m);
        (void) arm_stop(m, LEAVE_USEC, on_stop_slow);
        return end_if_idle(m);
}

void manager_reload(Manager *m) {
        if (m->stopping)
                return;
        (void) sd_notifyf(false, "RELOADING=1\nMONOTONIC_USEC=%llu", (unsigned long long) now_usec());
        manager_scan(m, true);
        (void) sd_notify(false, "READY=1");
}

static int on_reload(sd_event_source *s, const struct signalfd_siginfo *si, void *userdata) {
        (void) s;
        (void) si;
        manager_reload(userdata);
        return 0;
}

/* ---- Events --------------------------------------------------------------------------------------- */

static void on_directories_changed(void *userdata, const WatchChanges *changes) {
        manager_look(userdata, changes);
}

static int on_run_ended(sd_event_source *s, int fd, uint32_t revents, void *userdata) {
        Manager *m = userdata;
        Run *run;

        (void) s;
        (void) revents;
        while (read(fd, &run, sizeof(run)) == sizeof(run))
                queue_run_ended(m, run);
        queue_dispatch(m);
        return end_if_idle(m);
}

/* Before any other thread exists: what is blocked here stays blocked there. */
static int block_signals(void) {
        sigset_t set;

        (void) sigemptyset(&set);
        (void) sigaddset(&set, SIGTERM);
        (void) sigaddset(&set, SIGINT);
        (void) sigaddset(&set, SIGHUP);
        (void) sigaddset(&set, SIGPIPE);
        return -pthread_sigmask(SIG_BLOCK, &set, NULL);
}

static int open_pipe(Manager *m) {
        int fds[2];

        if (pipe2(fds, O_CLOEXEC) < 0)
                return -errno;
        m->done_fd = fds[0];
        m->context.done_fd = fds[1];
        return fcntl(m->done_fd, F_SETFL, O_NONBLOCK) < 0 ? -errno : 0;
}

/* Sources without a variable of their own float: the event loop owns them. */
static int add_sources(Manager *m) {
        int r;

        r = block_signals();
        if (r >= 0)
                r = open_pipe(m);
        if (r >= 0)
                r = sd_event_new(&m->event);
        if (r >= 0)
                r = sd_event_add_signal(m->event, NULL, SIGTERM, on_stop, m);
        if (r >= 0)
                r = sd_event_add_signal(m->event, NULL, SIGINT, on_stop, m);
        if (r >= 0)
                r = sd_event_add_signal(m->event, NULL, SIGHUP, on_reload, m);
        if (r >= 0)
                r = sd_event_add_io(m->event, NULL, m->done_fd, EPOLLIN, on_run_ended, m);
        if (r >= 0)
                r = sd_event_add_post(m->event, NULL, on_post, m);
        if (r >= 0)
                r = deadlines_watch_clock(m);
        if (r >= 0)
                r = set_watchdog(m);
        if (r >= 0)
                r = watch_new(m->event, m->config_directories, on_directories_changed, m, &m->watch);
        return r;
}

static const char *state_fault(int error) {
        if (error == -EBUSY)
                return "another kftpd uses this state directory";
        if (error == -EPERM)
                return "it belongs to another user: start the service with \"systemctl start kftpd\", or give a directory "
                       "of your own with --state-dir=";
        return strerror(-error);
}

/* Where mirrors keep how far they came; beside the ledger, which says already that the directory is ours. */
static int make_mirror_directory(Manager *m, const char *state_directory) {
        if (asprintf(&m->mirror_directory, "%s/mirror", state_directory) < 0) {
                m->mirror_directory = NULL;
                return -ENOMEM;
        }
        m->context.mirror_directory = m->mirror_directory;
        return mkdir(m->mirror_directory, 0700) < 0 && errno != EEXIST ? -errno : 0;
}

/* ---- Life ----------------------------------------------------------------------------------------- */

int manager_new(const ManagerOptions *options, Manager **ret) {
        Manager *m = calloc(1, sizeof(*m));
        int r;

        if (!m)
                return -ENOMEM;
        m->done_fd = m->context.done_fd = -1;
        m->max_running = options->max_running;
        m->pause_usec = options->pause_usec;
        m->check_usec = options->check_usec;
        m->look_usec = options->look_usec ?: LOOK_USEC;
        m->context.calls = options->calls;
        TAILQ_INIT(&m->jobs);
        servers_init(&m->servers, options->release_usec ?: RELEASE_USEC, options->forget_usec ?: FORGET_USEC);
        report_init(&m->context.report);

        m->config_directories = strdup(options->config_directories);
        r = m->config_directories ? ledger_open(options->state_directory, &m->context.ledger) : -ENOMEM;
        if (r >= 0)
                r = make_mirror_directory(m, options->state_directory);
        if (r >= 0)
                r = deadlines_open(m, options->state_directory);
        if (r >= 0)
                r = source_looks_new(&m->context.looks);
        if (r < 0)
                report_event(&m->context.report, LOG_ERR, KFTP_MESSAGE_QUEUE_STOPPED, NULL, r,
                             "%s: the state directory cannot be used: %s", options->state_directory, state_fault(r));
        else {
                r = add_sources(m);
                if (r < 0)
                        report_event(&m->context.report, LOG_ERR, KFTP_MESSAGE_QUEUE_STOPPED, NULL, r,
                                     "cannot set up the event loop: %s", strerror(-r));
        }
        if (r < 0) {
                manager_free(m);
                return r;
        }
        *ret = m;
        return 0;
}

void manager_start(Manager *m) {
        manager_scan(m, true);
        deadlines_catch_up(m);
        (void) units_tell_schedule();
        (void) on_post(NULL, m);
        (void) sd_notify(false, "READY=1");
}

Manager *manager_free(Manager *m) {
        if (!m)
                return NULL;
        m->bus = bus_free(m->bus);      /* that we end says enough of each job */
        while (!TAILQ_EMPTY(&m->jobs))
                job_free(m, TAILQ_FIRST(&m->jobs));
        servers_done(&m->servers);
        watch_free(m->watch);
        sd_event_source_unref(m->pause_timer);
        sd_event_source_unref(m->stop_timer);
        sd_event_unref(m->event);
        safe_close(m->done_fd);
        safe_close(m->context.done_fd);
        ledger_free(m->context.ledger);
        free(m->config_directories);
        source_looks_free(m->context.looks);
        free(m->mirror_directory);
        free(m->deadlines_path);
        free(m->status);
        free(m);
        return NULL;
}
