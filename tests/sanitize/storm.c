/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Threads that do anything to a few shared sessions, all at the same time: arm, submit, run, cancel,
 * adopt, answer for TLS, poll, ask, close; with good and bad arguments, a server that keeps to the
 * protocol only mostly (storm-server.c), and processes that are killed in the middle of it.
 *
 *     storm [-f] [-s SEED] SECONDS
 *
 * With -f, allocations in these processes fail as /sys/kernel/debug/failslab has it (with task-filter).
 * What it looks for is in the kernel log; here, only that nothing is left: exit status 0 if the module
 * is unused at the end, and data has been moved, in the clear and through TLS.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "storm.h"
#include "uapi/kftp.h"

#define PROCESSES 3
#define THREADS 4
#define SESSIONS 3

static uint16_t port, implicit_port;
static bool fail_allocations;
static int sessions[SESSIONS];

/* Shared by all processes: whether it blew at all. */
static struct {
        unsigned connected, done, good, bytes, lent, encrypted;
} *seen;

static uint64_t address_of(const void *p) {
        return (uintptr_t) p;
}

/* ---- Arguments --------------------------------------------------------------------------------------- */

static int any_file(Dice *d, bool upload) {
        static const char text[70000];
        int fds[2];
        int fd;

        switch (pick(d, 8)) {
        case 0:
                fd = memfd_create("storm", MFD_CLOEXEC);
                break;
        case 1:
                if (pipe2(fds, O_NONBLOCK | O_CLOEXEC) < 0)
                        return -1;
                (void) !write(fds[1], text, pick(d, 60000));
                close(fds[1]);
                return fds[0];
        case 2:
                return open(once_in(d, 2) ? "/dev/null" : "/proc/self/status", O_RDONLY | O_CLOEXEC);
        default:
                fd = open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
        }
        if (upload && fd >= 0)
                for (unsigned n = pick(d, 12); n > 0; n--)
                        (void) !write(fd, text, 1 + pick(d, sizeof(text)));
        return fd;
}

static int dial(Dice *d, uint16_t to) {
        struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(to), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

        if (fd >= 0 && connect(fd, (struct sockaddr *) &a, sizeof(a)) < 0) {
                close(fd);
                return -1;
        }
        if (fd >= 0 && !once_in(d, 10))
                fcntl(fd, F_SETFL, O_NONBLOCK);
        return fd;
}

/* ---- Calls ------------------------------------------------------------------------------------------- */

static void do_connect(Dice *d, int fd) {
        struct kftp_connect c = {
                .size = sizeof(c),
                .peer = { .family = AF_INET, .port = htons(port), .addr = { 127, 0, 0, 1 } },
                .user = address_of("user"), .user_len = 4,
                .password = address_of("secret"), .password_len = 6,
                .host = once_in(d, 3) ? address_of("host") : 0,
                .data_mode = pick(d, 4),
                .tls = once_in(d, 3) ? KFTP_TLS_NONE : pick(d, 4),
                .events = pick(d, 8),
                .connect_ms = 500 + pick(d, 1000), .reply_ms = 500 + pick(d, 1000), .data_ms = 300 + pick(d, 1000),
                .idle_ms = 200 + pick(d, 2000), .abort_ms = 20 + pick(d, 500), .progress_ms = 1 + pick(d, 20),
                .methods_off = once_in(d, 3) ? pick(d, 16) : 0,
        };

        if ((c.tls == KFTP_TLS_IMPLICIT) != once_in(d, 20))
                c.peer.port = htons(implicit_port);
        c.host_len = c.host ? 4 : 0;
        c.flags = once_in(d, 8) ? pick(d, 8) : KFTP_CONNECT_RAW;
        if (c.flags & KFTP_CONNECT_ADOPT)
                memset(&c.peer, 0, sizeof(c.peer));
        if (once_in(d, 30))
                ((uint8_t *) &c)[pick(d, sizeof(c))] ^= 1 << pick(d, 8);
        (void) ioctl(fd, KFTP_CONNECT, &c);
}

static void do_submit(Dice *d, int fd) {
        struct kftp_submit r = {
                .size = sizeof(r), .fd = -1, .user_data = pick(d, 4), .path = address_of("a path/b"), .path_len = 1 + pick(d, 8),
        };

        r.op = once_in(d, 2) ? KFTP_OP_RETR + pick(d, KFTP_OP_STAT) : pick(d, KFTP_OP_QUIT);
        if (r.op >= KFTP_OP_RETR && r.op <= KFTP_OP_STAT)
                r.fd = any_file(d, r.op >= KFTP_OP_STOR && r.op <= KFTP_OP_STOU);
        if (r.op >= KFTP_OP_RETR && r.op <= KFTP_OP_STOU) {
                r.flags = once_in(d, 3) ? pick(d, 16) : 0;
                r.offset = once_in(d, 3) ? pick(d, 100000) : 0;
        }
        if (r.op >= KFTP_OP_RETR && r.op <= KFTP_OP_STAT)
                r.length = once_in(d, 3) ? pick(d, 200000) : 0;
        if (r.op == KFTP_OP_RENAME) {
                r.path2 = address_of("there");
                r.path2_len = 5;
        }
        if (r.op == KFTP_OP_HASH)
                r.digest = 1 + pick(d, 5);
        if (r.op == KFTP_OP_NOOP || r.op == KFTP_OP_PWD || r.op == KFTP_OP_SYST)
                r.path_len = 0;
        if (once_in(d, 30))
                ((uint8_t *) &r)[pick(d, sizeof(r))] ^= 1 << pick(d, 8);
        (void) ioctl(fd, KFTP_SUBMIT, &r);
        if (r.fd >= 0)
                close(r.fd);
}

/* The same number, another session: what others are doing to the old one goes on. */
static void do_replace(int fd) {
        int new = open("/dev/kftp", O_RDWR | O_CLOEXEC);

        if (new < 0)
                return;
        (void) dup3(new, fd, O_CLOEXEC);
        close(new);
}

/* An answer for TLS with nonsense in it; mostly nobody has asked. */
static void do_tls(Dice *d, int fd) {
        static const char *const pending[] = { "220 hello\r\n", "220-half a gree", "\r\n\r\n", "500 no\r\n230 in\r\n" };
        struct kftp_tls t = {
                .size = sizeof(t), .channel = once_in(d, 20) ? pick(d, 5) : pick(d, 2), .flags = pick(d, 4),
                .error = once_in(d, 2) ? -(int) pick(d, 140) : 0,
        };

        if (once_in(d, 2)) {
                t.pending = address_of(pending[pick(d, 4)]);
                t.pending_len = once_in(d, 20) ? pick(d, 5000) : strlen((const char *) (uintptr_t) t.pending);
        }
        if (once_in(d, 10))
                ((uint8_t *) &t)[pick(d, sizeof(t))] ^= 1 << pick(d, 8);
        (void) ioctl(fd, KFTP_TLS, &t);
}

/* What is lent is ours, too, until we close it, and nobody can tell whether the keys are in it. */
static void play_with(Dice *d, int lent) {
        char text[100] = {};

        switch (pick(d, 6)) {
        case 0:
                (void) !send(lent, text, pick(d, sizeof(text)), MSG_NOSIGNAL | MSG_DONTWAIT);
                break;
        case 1:
                (void) !recv(lent, text, sizeof(text), MSG_DONTWAIT);
                break;
        case 2:
                (void) shutdown(lent, pick(d, 3));
                break;
        case 3:
                (void) usleep(pick(d, 50000));
                break;
        case 4:
                (void) storm_tls(lent, true);
                break;
        default:
                break;
        }
}

static void shake_hands(Dice *d, int fd, const struct kftp_run *run) {
        struct kftp_tls good = { .size = sizeof(good), .channel = run->channel, .version = 0x0304, .flags = pick(d, 4) };

        __sync_fetch_and_add(&seen->lent, 1);
        if (once_in(d, 6))
                play_with(d, run->fd);
        if (!once_in(d, 30))
                (void) storm_tls(run->fd, false);
        if (once_in(d, 20))
                do_tls(d, fd);
        else if (!once_in(d, 20))
                (void) ioctl(fd, KFTP_TLS, &good);
        close(run->fd);
}

/* Answers DATA_WANTED as often as not, TLS nearly always. */
static void do_run(Dice *d, int fd) {
        char text[600];
        struct kftp_run run = {
                .size = sizeof(run), .flags = pick(d, 4) != 0, .max_bytes = once_in(d, 2) ? 0 : 1 + pick(d, 200000),
                .text = address_of(text), .text_cap = pick(d, sizeof(text)),
        };
        struct pollfd p = { .fd = fd, .events = POLLIN };

        if (once_in(d, 50))
                run.text = 1;
        if (ioctl(fd, KFTP_RUN, &run) < 0) {
                if (errno == EAGAIN)
                        (void) poll(&p, 1, pick(d, 30));
                else if (errno == ENOTCONN)
                        do_replace(fd);
                return;
        }
        __sync_fetch_and_add(&seen->connected, run.type == KFTP_EVENT_CONNECTED);
        __sync_fetch_and_add(&seen->done, run.type == KFTP_EVENT_DONE);
        __sync_fetch_and_add(&seen->good, run.type == KFTP_EVENT_DONE && run.error == 0);
        __sync_fetch_and_add(&seen->bytes, run.type == KFTP_EVENT_DONE && run.bytes > 0);
        __sync_fetch_and_add(&seen->encrypted, run.type == KFTP_EVENT_DONE && run.bytes > 0 && run.event_flags & KFTP_EVENT_ENCRYPTED);
        if (run.type == KFTP_EVENT_TLS)
                shake_hands(d, fd, &run);
        if (run.type == KFTP_EVENT_DATA_WANTED && !once_in(d, 5)) {
                struct kftp_adopt a = { .size = sizeof(a), .role = KFTP_ROLE_DATA, .user_data = run.user_data };

                a.fd = once_in(d, 5) ? -1 : dial(d, ntohs(run.peer.port));
                (void) ioctl(fd, KFTP_ADOPT, &a);
                if (a.fd < 0)
                        return;
                /* what is adopted is still ours, too */
                if (once_in(d, 8))
                        (void) shutdown(a.fd, pick(d, 3));
                else if (once_in(d, 8))
                        (void) !send(a.fd, "x", 1, MSG_NOSIGNAL | MSG_DONTWAIT);
                close(a.fd);
        }
}

static void do_adopt(Dice *d, int fd) {
        struct kftp_adopt a = { .size = sizeof(a), .role = pick(d, 2), .user_data = pick(d, 4) };

        bool own = !once_in(d, 8);

        a.fd = own ? dial(d, once_in(d, 4) ? implicit_port : port) : (int) pick(d, 20) - 1;
        (void) ioctl(fd, KFTP_ADOPT, &a);
        if (own && a.fd >= 0)
                close(a.fd);
}

static void do_cancel(Dice *d, int fd) {
        struct kftp_cancel c = { .size = sizeof(c), .what = once_in(d, 6) ? pick(d, 3) : KFTP_CANCEL_REQUEST, .user_data = pick(d, 4) };

        (void) ioctl(fd, KFTP_CANCEL, &c);
}

static void do_look(Dice *d, int fd) {
        struct kftp_info info = { .size = sizeof(info) };
        struct pollfd p = { .fd = fd, .events = POLLIN };
        char path[64], text[4096];
        int file;

        switch (pick(d, 3)) {
        case 0:
                (void) ioctl(fd, KFTP_INFO, &info);
                break;
        case 1:
                (void) poll(&p, 1, pick(d, 10));
                break;
        default:
                snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
                file = open(path, O_RDONLY | O_CLOEXEC);
                if (file >= 0) {
                        (void) !read(file, text, sizeof(text));
                        close(file);
                }
        }
}

/* ---- Threads, processes, time ------------------------------------------------------------------------ */

static void *blow(void *userdata) {
        Dice d = { .state = (unsigned) (uintptr_t) userdata };

        for (;;) {
                int fd = sessions[pick(&d, SESSIONS)];
                unsigned what = pick(&d, 100);

                if (what < 1)
                        do_replace(fd);
                else if (what < 12)
                        do_connect(&d, fd);
                else if (what < 30)
                        do_submit(&d, fd);
                else if (what < 32)
                        do_cancel(&d, fd);
                else if (what < 34)
                        do_adopt(&d, fd);
                else if (what < 35)
                        do_tls(&d, fd);
                else if (what < 41)
                        do_look(&d, fd);
                else
                        do_run(&d, fd);
        }
        return NULL;
}

static void let_allocations_fail(void) {
        int fd = open("/proc/self/make-it-fail", O_WRONLY | O_CLOEXEC);

        if (fd < 0 || write(fd, "1", 1) != 1) {
                perror("/proc/self/make-it-fail");
                _exit(1);
        }
        close(fd);
}

static pid_t start_process(unsigned seed) {
        pid_t pid = fork();
        Dice d = { .state = seed };
        pthread_t thread;

        if (pid != 0)
                return pid;
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        signal(SIGPIPE, SIG_IGN);
        if (fail_allocations)   /* threads inherit it */
                let_allocations_fail();
        for (unsigned i = 0; i < SESSIONS; i++)
                while ((sessions[i] = open("/dev/kftp", O_RDWR | O_CLOEXEC)) < 0)
                        usleep(1000);
        for (unsigned i = 1; i < THREADS; i++)
                if (pthread_create(&thread, NULL, blow, (void *) (uintptr_t) pick(&d, 1 << 24)) != 0)
                        break;
        blow((void *) (uintptr_t) seed);
        _exit(0);
}

static unsigned long module_refcount(void) {
        unsigned long n = 999;
        FILE *f = fopen("/sys/module/kftp/refcnt", "re");

        if (f && fscanf(f, "%lu", &n) != 1)
                n = 999;
        if (f)
                fclose(f);
        return n;
}

int main(int argc, char **argv) {
        unsigned seed = time(NULL), seconds, generation = 0;
        pid_t pids[PROCESSES];
        time_t end;
        int o;

        while ((o = getopt(argc, argv, "fs:")) >= 0)
                if (o == 's')
                        seed = strtoul(optarg, NULL, 10);
                else
                        fail_allocations = true;
        if (optind != argc - 1 || access("/dev/kftp", R_OK | W_OK) < 0) {
                fprintf(stderr, "usage: storm [-f] [-s SEED] SECONDS, as root, with the module loaded\n");
                return 2;
        }
        seconds = strtoul(argv[optind], NULL, 10);
        seen = mmap(NULL, sizeof(*seen), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        if (seen == MAP_FAILED)
                return 1;
        printf("storm: %u s, seed %u\n", seconds, seed);
        port = storm_server(seed, false);
        implicit_port = storm_server(seed + 1, true);
        for (end = time(NULL) + seconds; time(NULL) < end; generation++) {
                Dice d = { .state = seed + generation };

                for (unsigned i = 0; i < PROCESSES; i++)
                        pids[i] = start_process(pick(&d, 1 << 24));
                usleep(500000 + pick(&d, 2500000));
                for (unsigned i = 0; i < PROCESSES; i++) {
                        /* -1 would be everybody */
                        if (pids[i] < 0 || kill(pids[i], SIGKILL) < 0 || waitpid(pids[i], NULL, 0) != pids[i])
                                return 1;
                }
        }
        printf("storm: %u generations, %u log-ins, %u requests ended, %u well, %u with data\n", generation, seen->connected,
               seen->done, seen->good, seen->bytes);
        printf("storm: %u sockets lent, %u requests with encrypted data\n", seen->lent, seen->encrypted);
        for (unsigned i = 0; i < 500 && module_refcount() > 0; i++)
                usleep(20000);
        if (module_refcount() > 0)
                fprintf(stderr, "storm: the module is still used %lu times\n", module_refcount());
        return module_refcount() > 0 || seen->bytes == 0 || seen->encrypted == 0;
}
