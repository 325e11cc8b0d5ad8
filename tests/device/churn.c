/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Stress: processes that drive sessions in every state are killed at random moments; after each
 * round nothing may be left, and with -m the module is unloaded and loaded again.
 *
 *     churn [-s SEED] [-m MODULE.ko] ROUNDS
 *
 * Exit status 0 if all went well. The seed is printed; the same seed makes the same choices.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "states.h"

#define CHILDREN 8

static unsigned seed;

static unsigned pick(unsigned n) {
        return rand_r(&seed) % n;
}

static unsigned n_state_cases(void) {
        unsigned n = 0;

        while (state_cases[n].name)
                n++;
        return n;
}

static const StateCase *pick_state(void) {
        const StateCase *row;

        do
                row = state_cases + pick(n_state_cases());
        while (!state_applies(row));
        return row;
}

static void serve(Conn *c) {
        peer_may_leave(c);
        peer_serve(c);
}

/* ---- What a child does until it is killed; no memory is allocated there ------------------------ */

static int open_file(void) {
        return open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
}

/* Into the state, and then either asleep in RUN, or not in RUN at all, or away. */
static void child_in_state(const StateCase *row, const struct kftp_addr *peer, unsigned manner) {
        for (;;) {
                struct kftp_run run = { .size = sizeof(run) };
                int session = open("/dev/kftp", O_RDWR | O_CLOEXEC), file = open_file();

                if (session < 0 || file < 0 || !state_reach(row, session, peer, file))
                        _exit(1);
                if (manner == 0)
                        while (ioctl(session, KFTP_RUN, &run) == 0)
                                ;
                if (manner <= 1)
                        pause();
                close(session);
                close(file);
        }
}

/* What is wanted is given, refused, or forgotten. */
static void answer_data_wanted(int session, const struct kftp_addr *peer, const struct kftp_run *run, unsigned manner) {
        struct kftp_adopt none = { .size = sizeof(none), .fd = -1, .role = KFTP_ROLE_DATA, .user_data = run->user_data };
        struct kftp_addr to = *peer;

        to.port = run->peer.port;
        if (manner == 0)
                (void) ioctl(session, KFTP_ADOPT, &none);
        else if (manner < 8)
                (void) state_adopt(session, KFTP_ROLE_DATA, run->user_data, &to);
}

/* The same of what is lent. */
static void answer_tls(int session, const struct kftp_run *run, unsigned manner) {
        struct kftp_tls t = tls_answer(run->channel, manner == 0 ? -EPROTO : 0);

        if (manner > 2) {
                (void) state_shake(session, run, 200);
                return;
        }
        if (manner < 2)
                (void) ioctl(session, KFTP_TLS, &t);
        close(run->fd);
}

/* Downloads and uploads that are cancelled now and then, in bites of random size. */
static void child_transferring(const struct kftp_addr *peer, unsigned own_seed) {
        bool tls = tls_supported();

        for (;;) {
                int session = open("/dev/kftp", O_RDWR | O_CLOEXEC), file = open_file();
                struct kftp_connect c = state_connect(peer);
                struct kftp_submit in = retr(file, "bytes-4000000", 1), out = request(KFTP_OP_STOR, file, "file", 1);
                struct kftp_cancel cancel = { .size = sizeof(cancel), .what = rand_r(&own_seed) % 3, .user_data = 1 };

                c.events = rand_r(&own_seed) % 8;
                c.tls = tls ? rand_r(&own_seed) % 3 : KFTP_TLS_NONE;
                c.data_mode = c.events & KFTP_WANT_DATA ? KFTP_DATA_AUTO : rand_r(&own_seed) % 4;
                c.connect_ms = 100;
                c.progress_ms = 5;
                if (session < 0 || file < 0 || ioctl(session, KFTP_CONNECT, &c) < 0)
                        _exit(1);
                for (unsigned i = 0; i < 100; i++) {
                        struct kftp_run run = { .size = sizeof(run), .max_bytes = rand_r(&own_seed) % 100000 };
                        struct pollfd p = { .fd = session, .events = POLLIN };

                        run.flags = rand_r(&own_seed) % 2;
                        (void) ioctl(session, KFTP_SUBMIT, rand_r(&own_seed) % 2 ? &in : &out);
                        if (ioctl(session, KFTP_RUN, &run) < 0) {
                                if (errno == EAGAIN)
                                        (void) poll(&p, 1, 10);
                        } else if (run.type == KFTP_EVENT_DATA_WANTED)
                                answer_data_wanted(session, peer, &run, rand_r(&own_seed) % 9);
                        else if (run.type == KFTP_EVENT_TLS)
                                answer_tls(session, &run, rand_r(&own_seed) % 30);
                        if (rand_r(&own_seed) % 20 == 0)
                                (void) ioctl(session, KFTP_CANCEL, &cancel);
                }
                close(session);
                close(file);
        }
}

static pid_t start_child(const StateCase *row, const struct kftp_addr *peer, unsigned manner) {
        pid_t pid = fork();

        if (pid != 0)
                return pid;
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (row)
                child_in_state(row, peer, manner);
        else
                child_transferring(peer, manner);
        _exit(0);
}

/* ---- Rounds --------------------------------------------------------------------------------------- */

static void start_children(pid_t *pids) {
        for (unsigned i = 0; i < CHILDREN; i++) {
                const StateCase *row = pick(3) == 0 ? NULL : pick_state();
                struct kftp_addr peer = row ? state_peer(row) : peer_address(test_peer("127.0.0.1", serve, NULL));

                pids[i] = start_child(row, &peer, row ? pick(3) : pick(1000000));
        }
}

/* A child that ended by itself had a reason to complain. */
static bool kill_children(const pid_t *pids) {
        bool good = true;

        for (unsigned i = 0; i < CHILDREN; i++) {
                int status;

                sleep_ms(pick(40));
                if (pids[i] < 0 || kill(pids[i], SIGKILL) < 0 || waitpid(pids[i], &status, 0) != pids[i])
                        return false;
                if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL) {
                        fprintf(stderr, "child %u ended by itself, status %x\n", i, status);
                        good = false;
                }
        }
        return good;
}

static bool reload(const char *module) {
        int fd, r;

        if (syscall(SYS_delete_module, "kftp", O_NONBLOCK) < 0) {
                perror("unloading the module");
                return false;
        }
        fd = open(module, O_RDONLY | O_CLOEXEC);
        r = fd < 0 ? -1 : syscall(SYS_finit_module, fd, "", 0);
        if (r < 0)
                perror(module);
        if (fd >= 0)
                close(fd);
        return r == 0;
}

static bool round_of(const char *module) {
        pid_t pids[CHILDREN];
        bool good;

        (void) test_begin(NULL);
        start_children(pids);
        sleep_ms(pick(60));
        good = kill_children(pids);
        good = test_end(NULL) == 0 && good;
        return good && (!module || reload(module));
}

int main(int argc, char **argv) {
        const char *module = NULL;
        unsigned rounds;
        int o;

        seed = time(NULL);
        while ((o = getopt(argc, argv, "s:m:")) >= 0)
                switch (o) {
                case 's':
                        seed = strtoul(optarg, NULL, 10);
                        break;
                case 'm':
                        module = optarg;
                        break;
                default:
                        return 2;
                }
        if (optind != argc - 1 || device_ready(NULL) < 0)
                return 2;
        rounds = strtoul(argv[optind], NULL, 10);
        printf("churn: %u rounds, seed %u\n", rounds, seed);
        for (unsigned i = 1; i <= rounds; i++)
                if (!round_of(module)) {
                        fprintf(stderr, "churn: round %u of %u has failed\n", i, rounds);
                        return 1;
                }
        printf("churn: %u rounds done\n", rounds);
        return 0;
}
