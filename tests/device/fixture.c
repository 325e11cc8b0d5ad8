/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What every test of /dev/kftp needs around it: what it has opened is remembered here and undone
 * at its end. Sessions are in fixture-session.c.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "fixture-internal.h"

/* A test that takes longer hangs; the signal makes a stuck RUN return EINTR, and so it fails. */
#define TEST_PATIENCE_S 120

static struct {
        int fds[256];
        size_t n_fds;
        Peer *peers[16];
        size_t n_peers;
        char directory[64];
        SlowFile *slow;
} opened;

static volatile sig_atomic_t alarms;

uint64_t now_ms(void) {
        struct timespec t;

        clock_gettime(CLOCK_MONOTONIC, &t);
        return t.tv_sec * UINT64_C(1000) + t.tv_nsec / 1000000;
}

void sleep_ms(unsigned ms) {
        peer_sleep(ms);
}

unsigned long module_refcount(void) {
        unsigned long n = 999;
        FILE *f;

        f = fopen("/sys/module/kftp/refcnt", "re");
        if (!f || fscanf(f, "%lu", &n) != 1)
                fprintf(stderr, "cannot read the module's use count: %m\n");
        if (f)
                fclose(f);
        return n;
}

/* ---- Around a test --------------------------------------------------------------------------- */

static void on_alarm(int sig) {
        static const char text[] = "the test does not end: given up\n";

        (void) sig;
        if (++alarms > 6) {
                if (write(STDERR_FILENO, text, sizeof(text) - 1) < 0)
                        _exit(2);
                _exit(1);
        }
        alarm(5);
}

static void on_user(int sig) {
        (void) sig;
}

int device_ready(void **state) {
        struct sigaction a = { .sa_handler = on_alarm };
        int fd;

        (void) state;
        fd = open(KFTP_TEST_DEVICE, O_RDWR | O_CLOEXEC);
        if (fd < 0) {
                fprintf(stderr, "%s: %m. These tests need the module, as root in a throw-away guest.\n",
                        KFTP_TEST_DEVICE);
                return -1;
        }
        close(fd);
        sigaction(SIGALRM, &a, NULL);
        a.sa_handler = on_user;
        sigaction(SIGUSR1, &a, NULL);
        signal(SIGPIPE, SIG_IGN);
        return 0;
}

int test_begin(void **state) {
        (void) state;
        alarms = 0;
        alarm(TEST_PATIENCE_S);
        tls_use(false, GNUTLS_CIPHER_AES_128_GCM);
        return 0;
}

static bool stop_peers(void) {
        bool good = true;

        for (size_t i = 0; i < opened.n_peers; i++) {
                char *failure = peer_stop(opened.peers[i]);

                if (failure) {
                        print_error("%s\n", failure);
                        good = false;
                }
                free(failure);
        }
        opened.n_peers = 0;
        return good;
}

static void close_files(void) {
        for (size_t i = 0; i < opened.n_fds; i++)
                close(opened.fds[i]);
        opened.n_fds = 0;
}

static void remove_directory(void) {
        if (opened.directory[0]) {
                umount2(opened.directory, MNT_DETACH);
                rmdir(opened.directory);
                opened.directory[0] = '\0';
        }
}

static bool module_unused(void) {
        for (uint64_t until = now_ms() + 10000; now_ms() < until; sleep_ms(20))
                if (module_refcount() == 0)
                        return true;
        print_error("the module is still used %lu times after the test\n", module_refcount());
        return false;
}

int test_end(void **state) {
        bool good;

        (void) state;
        if (opened.slow)
                slowfs_open_gate(opened.slow);
        runners_stop();
        sessions_close();
        lents_close();
        close_files();  /* there may be connections to the peers among them */
        if (opened.slow)
                slowfs_stop(opened.slow);
        opened.slow = NULL;
        good = stop_peers();
        remove_directory();
        good = module_unused() && good;
        alarm(0);
        return good ? 0 : -1;
}

/* ---- Peers and addresses --------------------------------------------------------------------- */

Peer *test_peer(const char *address, PeerScript script, void *userdata) {
        assert_true(opened.n_peers < sizeof(opened.peers) / sizeof(opened.peers[0]));
        return opened.peers[opened.n_peers++] = peer_start(address, script, userdata);
}

void test_peer_finish(Peer *p) {
        char *failure;

        for (size_t i = 0; i < opened.n_peers; i++)
                if (opened.peers[i] == p)
                        opened.peers[i] = opened.peers[--opened.n_peers];
        failure = peer_stop(p);
        if (failure)
                fail_msg("%s", failure);
}

static bool was_commanded(Peer *p, const char *pattern, char **ret_commands) {
        char *commands, *copy, *line, *rest;
        bool found = false;

        *ret_commands = commands = peer_commands(p);
        copy = rest = strdup(commands);
        assert_non_null(copy);
        while ((line = strsep(&rest, "\n")))
                found = found || line_matches(line, pattern);
        free(copy);
        return found;
}

void assert_commanded(Peer *p, const char *pattern) {
        char *commands;

        if (!was_commanded(p, pattern, &commands))
                fail_msg("no command '%s' among:\n%s", pattern, commands);
        free(commands);
}

void assert_not_commanded(Peer *p, const char *pattern) {
        char *commands;

        if (was_commanded(p, pattern, &commands))
                fail_msg("a command '%s' among:\n%s", pattern, commands);
        free(commands);
}

struct kftp_addr address_of(const char *text, uint16_t port) {
        struct sockaddr_storage ss;

        assert_int_equal(peer_parse_address(text, port, &ss), 0);
        return peer_to_kftp(&ss);
}

void assert_same_address(const struct kftp_addr *a, const struct kftp_addr *b) {
        assert_int_equal(a->family, b->family);
        assert_int_equal(a->port, b->port);
        assert_memory_equal(a->addr, b->addr, sizeof(a->addr));
}

/* A listening socket whose backlog is full drops what asks to be connected. */
struct kftp_addr blackhole_address(void) {
        struct sockaddr_storage ss;
        socklen_t len = sizeof(ss);
        int listener;

        assert_int_equal(peer_parse_address("127.0.0.1", 0, &ss), 0);
        listener = test_fd(peer_listen(&ss));
        assert_int_equal(listen(listener, 0), 0);
        assert_int_equal(getsockname(listener, (struct sockaddr *) &ss, &len), 0);
        for (int i = 0; i < 8; i++) {
                int fd = test_fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));

                if (connect(fd, (struct sockaddr *) &ss, len) < 0)
                        assert_int_equal(errno, EINPROGRESS);
        }
        return peer_to_kftp(&ss);
}

/* ---- Local files ----------------------------------------------------------------------------- */

int test_fd(int fd) {
        if (fd < 0)
                fail_msg("no descriptor: %s", strerror(fd < -1 ? -fd : errno));
        assert_true(opened.n_fds < sizeof(opened.fds) / sizeof(opened.fds[0]));
        opened.fds[opened.n_fds++] = fd;
        return fd;
}

int local_file(void) {
        return test_fd(open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
}

int filled_file(uint64_t n) {
        static uint8_t piece[65536];
        int fd = local_file();

        for (uint64_t at = 0; at < n; at += sizeof(piece)) {
                size_t k = n - at < sizeof(piece) ? n - at : sizeof(piece);

                for (size_t i = 0; i < k; i++)
                        piece[i] = peer_byte(at + i);
                assert_int_equal(pwrite(fd, piece, k, at), k);
        }
        return fd;
}

SlowFile *test_slow_file(int *ret_fd) {
        assert_null(opened.slow);
        opened.slow = slowfs_start(test_directory(), ret_fd);
        test_fd(*ret_fd);
        return opened.slow;
}

void assert_file_size(int fd, uint64_t size) {
        struct stat st;

        assert_int_equal(fstat(fd, &st), 0);
        assert_int_equal(st.st_size, size);
}

void assert_file_content(int fd, uint64_t offset, uint64_t n) {
        static uint8_t piece[65536];

        while (n > 0) {
                size_t want = n < sizeof(piece) ? n : sizeof(piece);
                ssize_t k = pread(fd, piece, want, offset);

                assert_int_equal(k, want);
                for (size_t i = 0; i < want; i++)
                        if (piece[i] != peer_byte(offset + i))
                                fail_msg("byte %llu of the file is wrong", (unsigned long long) (offset + i));
                offset += want;
                n -= want;
        }
}

const char *test_directory(void) {
        assert_int_equal(opened.directory[0], '\0');
        strcpy(opened.directory, "/tmp/kftp-test-XXXXXX");
        assert_non_null(mkdtemp(opened.directory));
        return opened.directory;
}

/* ---- /proc ----------------------------------------------------------------------------------- */

int read_fdinfo(int pid, int fd, char *text, size_t n) {
        char path[64];
        size_t k;
        FILE *f;

        if (pid > 0)
                snprintf(path, sizeof(path), "/proc/%d/fdinfo/%d", pid, fd);
        else
                snprintf(path, sizeof(path), "/proc/thread-self/fdinfo/%d", fd);
        f = fopen(path, "re");
        if (!f)
                return -errno;
        k = fread(text, 1, n - 1, f);
        text[k] = '\0';
        fclose(f);
        return 0;
}

char *fdinfo_value(const char *text, const char *key) {
        char pattern[64], *value;
        const char *at;

        snprintf(pattern, sizeof(pattern), "%s:\t", key);
        at = strstr(text, pattern);
        if (!at)
                return NULL;
        value = strdup(at + strlen(pattern));
        assert_non_null(value);
        value[strcspn(value, "\n")] = '\0';
        return value;
}
