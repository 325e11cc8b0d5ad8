/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Whose session it is: RUN, SUBMIT, ADOPT and TLS are for the one who armed it, with the memory,
 * network, user namespace and rights of then; CANCEL, INFO and fdinfo need only the descriptor.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fixture.h"

#define RUN_ON "--run-on"

static int call(int fd, unsigned long request, void *arg) {
        return ioctl(fd, request, arg) < 0 ? -errno : 0;
}

/* A RUN that does nothing if it is let in: there is nothing to do. */
static int try_run(int fd) {
        struct kftp_run run = { .size = sizeof(run), .flags = KFTP_RUN_NONBLOCK };

        return call(fd, KFTP_RUN, &run);
}

static int try_submit(int fd) {
        struct kftp_submit r = quit_request(1);

        return call(fd, KFTP_SUBMIT, &r);
}

/* All four are refused, the others are not. The number of the first that is wrong, or 0. */
static int refused(int fd) {
        struct kftp_adopt adopt = { .size = sizeof(adopt), .fd = -1 };
        struct kftp_tls tls = { .size = sizeof(tls) };
        struct kftp_info info = { .size = sizeof(info) };
        struct kftp_cancel cancel = { .size = sizeof(cancel), .user_data = 77 };
        char text[4096];

        if (try_run(fd) != -EPERM)
                return 1;
        if (try_submit(fd) != -EPERM)
                return 2;
        if (call(fd, KFTP_ADOPT, &adopt) != -EPERM)
                return 3;
        if (call(fd, KFTP_TLS, &tls) != -EPERM)
                return 4;
        if (call(fd, KFTP_INFO, &info) != 0 || info.state != KFTP_STATE_READY)
                return 5;
        if (call(fd, KFTP_CANCEL, &cancel) != -ENOENT)
                return 6;
        if (read_fdinfo(0, fd, text, sizeof(text)) != 0 || !strstr(text, "kftp-state:\tready"))
                return 7;
        return 0;
}

/* The owner has not lost anything by what others tried. */
static void assert_still_mine(Session *s) {
        session_retr(s, local_file(), "bytes-100", 1);
        session_expect_done(s, 1, 0);
}

static void assert_exit(pid_t pid, int expected) {
        int status;

        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), expected);
}

/* ---- Other processes --------------------------------------------------------------------------- */

static void test_fork(void **state) {
        Session *s = session_with(peer_serve, NULL, NULL);
        pid_t pid = fork();

        (void) state;
        if (pid == 0)
                _exit(refused(s->fd));
        assert_exit(pid, 0);
        assert_still_mine(s);
}

/* A child may stop what its parent does. */
static void test_cancel_from_child(void **state) {
        Session *s = session_with(peer_serve, NULL, NULL);
        struct kftp_cancel cancel = { .size = sizeof(cancel), .user_data = 5 };
        pid_t pid;

        (void) state;
        session_retr(s, local_file(), "bytes-100", 5);
        pid = fork();
        if (pid == 0)
                _exit(call(s->fd, KFTP_CANCEL, &cancel) == 0 ? 0 : 1);
        assert_exit(pid, 0);
        session_expect_done(s, 5, -ECANCELED);
        assert_still_mine(s);
}

/* The same process after exec is another one. */
static void test_exec(void **state) {
        Session *s;
        char number[16];
        int fd, status;
        pid_t pid;

        (void) state;
        (void) test_peer("127.0.0.1", peer_friendly, NULL);
        pid = fork();
        if (pid == 0) {
                struct kftp_addr a = address_of("127.0.0.1", 9);
                struct kftp_connect c = connect_to(&a);

                fd = open("/dev/kftp", O_RDWR);
                if (fd < 0 || ioctl(fd, KFTP_CONNECT, &c) < 0 || try_submit(fd) != 0)
                        _exit(90);
                snprintf(number, sizeof(number), "%d", fd);
                execl("/proc/self/exe", "test-rights", RUN_ON, number, NULL);
                _exit(91);
        }
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), EPERM);
        s = session_with(peer_serve, NULL, NULL);
        assert_still_mine(s);
}

static void send_fd(int socket, int fd) {
        char byte = 'x', control[CMSG_SPACE(sizeof(int))] = {};
        struct iovec iov = { .iov_base = &byte, .iov_len = 1 };
        struct msghdr msg = {
                .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control),
        };
        struct cmsghdr *c = CMSG_FIRSTHDR(&msg);

        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(c), &fd, sizeof(fd));
        assert_int_equal(sendmsg(socket, &msg, 0), 1);
}

static int receive_fd(int socket) {
        char byte, control[CMSG_SPACE(sizeof(int))];
        struct iovec iov = { .iov_base = &byte, .iov_len = 1 };
        struct msghdr msg = {
                .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control),
        };
        int fd;

        if (recvmsg(socket, &msg, 0) != 1 || !CMSG_FIRSTHDR(&msg))
                return -1;
        memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&msg)), sizeof(fd));
        return fd;
}

/* Passed on to a process that is not a child of the session: born before it. */
static void test_passed(void **state) {
        int pair[2];
        Session *s;
        pid_t pid;

        (void) state;
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
        test_fd(pair[0]);
        test_fd(pair[1]);
        pid = fork();
        if (pid == 0) {
                int fd = receive_fd(pair[1]);

                _exit(fd < 0 ? 99 : refused(fd));
        }
        s = session_with(peer_serve, NULL, NULL);
        send_fd(pair[0], s->fd);
        assert_exit(pid, 0);
        assert_still_mine(s);
}

/* One that was not armed yet may be armed by whoever gets it; then it is his. */
static void test_passed_before_connect(void **state) {
        Peer *p = test_peer("127.0.0.1", peer_friendly, NULL);
        struct kftp_connect c = connect_to_peer(p);
        Session *s = session_open();
        pid_t pid = fork();

        (void) state;
        if (pid == 0)
                _exit(session_connect(s, &c) == 0 && session_run(s) == 0 ? 0 : 1);
        assert_exit(pid, 0);
        assert_int_equal(session_run(s), -EPERM);
        assert_int_equal(session_info(s).state, KFTP_STATE_READY);
}

/* ---- Threads of the same process ---------------------------------------------------------------- */

typedef struct Change {
        int fd;
        int (*change)(void);            /* 0, or -1 with errno */
        int result;                     /* of refused() after it; -1: the change did not work */
} Change;

static void *change_and_try(void *userdata) {
        Change *c = userdata;

        c->result = c->change && c->change() < 0 ? -1 : refused(c->fd);
        return NULL;
}

static int in_thread(Session *s, int (*change)(void)) {
        Change c = { .fd = s->fd, .change = change };
        pthread_t t;

        assert_int_equal(pthread_create(&t, NULL, change_and_try, &c), 0);
        assert_int_equal(pthread_join(t, NULL), 0);
        return c.result;
}

static int leave_network(void) {
        return unshare(CLONE_NEWNET);
}

/* As the system calls have it: of this thread alone, and without a change of capabilities. */
static int other_fsuid(void) {
        if (prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP) < 0)
                return -1;
        syscall(SYS_setfsuid, 65534);
        return syscall(SYS_setfsuid, 65534) == 65534 ? 0 : -1;
}

static int other_fsgid(void) {
        syscall(SYS_setfsgid, 65534);
        return syscall(SYS_setfsgid, 65534) == 65534 ? 0 : -1;
}

static int other_capabilities(void) {
        struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
        struct __user_cap_data_struct data[2];

        if (syscall(SYS_capget, &head, data) < 0)
                return -1;
        data[0].effective &= ~(1U << CAP_SYS_TIME);
        return syscall(SYS_capset, &head, data);
}

/* Whoever has changed is refused; a thread that has not is let in, and so is the first one. */
static void test_changed_thread(void **state) {
        int (*const changes[])(void) = { leave_network, other_fsuid, other_fsgid, other_capabilities };

        (void) state;
        for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
                Session *s = session_with(peer_serve, NULL, NULL);

                assert_int_equal(in_thread(s, changes[i]), 0);
                assert_still_mine(s);
                session_close(s);
        }
}

/* RUN is not refused in an unchanged thread: refused() then fails at its first step. */
static void test_unchanged_thread(void **state) {
        Session *s = session_with(peer_serve, NULL, NULL);

        (void) state;
        assert_int_equal(in_thread(s, NULL), 1);
        assert_still_mine(s);
}

/* Rights that were there and come back are the same rights. */
static void test_rights_regained(void **state) {
        Session *s = session_with(peer_serve, NULL, NULL);

        (void) state;
        syscall(SYS_setfsuid, 65534);
        assert_int_equal(session_run_with(s, KFTP_RUN_NONBLOCK, 0), -EPERM);
        syscall(SYS_setfsuid, 0);
        assert_still_mine(s);
}

/* ---- User namespaces ------------------------------------------------------------------------------ */

#define STACK_SIZE 65536

/* Shares our memory, but is in another user namespace. */
static int in_user_namespace(void *userdata) {
        return refused(*(int *) userdata);
}

static void test_user_namespace(void **state) {
        Session *s = session_with(peer_serve, NULL, NULL);
        char *stack = malloc(STACK_SIZE);
        pid_t pid;

        (void) state;
        assert_non_null(stack);
        pid = clone(in_user_namespace, stack + STACK_SIZE, CLONE_VM | CLONE_VFORK | CLONE_NEWUSER | SIGCHLD, &s->fd);
        assert_true(pid > 0);
        assert_exit(pid, 0);
        free(stack);
        assert_still_mine(s);
}

static int open_in_user_namespace(void) {
        pid_t pid = fork();
        int status, fd;

        if (pid == 0) {
                if (unshare(CLONE_NEWUSER) < 0)
                        _exit(255);
                fd = open("/dev/kftp", O_RDWR | O_CLOEXEC);
                _exit(fd < 0 ? errno : 0);
        }
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFEXITED(status));
        return WEXITSTATUS(status);
}

static void set_allow_userns(const char *value) {
        int fd = open("/sys/module/kftp/parameters/allow_userns", O_WRONLY | O_CLOEXEC);

        assert_true(fd >= 0);
        assert_int_equal(write(fd, value, 1), 1);
        close(fd);
}

/* Whoever is in another user namespace than the first may not open it, unless a parameter says so. */
static void test_open_in_user_namespace(void **state) {
        int refused_error, allowed_error;

        (void) state;
        refused_error = open_in_user_namespace();
        set_allow_userns("Y");
        allowed_error = open_in_user_namespace();
        set_allow_userns("N");
        assert_int_equal(refused_error, EPERM);
        assert_int_equal(allowed_error, 0);
}

/* ---- Network namespaces ---------------------------------------------------------------------------- */

/* Leaving and coming back is as if one had stayed. */
static void test_network_is_kept(void **state) {
        Peer *p = test_peer("127.0.0.1", peer_serve, NULL);
        struct kftp_connect c = connect_to_peer(p);
        Session *s = session_armed(&c);
        int here;

        (void) state;
        here = test_fd(open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC));
        assert_int_equal(unshare(CLONE_NEWNET), 0);
        assert_int_equal(session_run(s), -EPERM);
        assert_int_equal(setns(here, CLONE_NEWNET), 0);
        session_expect(s, KFTP_EVENT_CONNECTED);
        assert_still_mine(s);
}

static const struct CMUnitTest tests[] = {
        DEVICE_TEST(test_fork),
        DEVICE_TEST(test_cancel_from_child),
        DEVICE_TEST(test_exec),
        DEVICE_TEST(test_passed),
        DEVICE_TEST(test_passed_before_connect),
        DEVICE_TEST(test_changed_thread),
        DEVICE_TEST(test_unchanged_thread),
        DEVICE_TEST(test_rights_regained),
        DEVICE_TEST(test_user_namespace),
        DEVICE_TEST(test_open_in_user_namespace),
        DEVICE_TEST(test_network_is_kept),
};

/* With arguments: what test_exec() becomes. */
int main(int argc, char **argv) {
        if (argc == 3 && strcmp(argv[1], RUN_ON) == 0)
                return -try_run(atoi(argv[2]));
        return cmocka_run_group_tests_name("device-rights", tests, device_ready, NULL);
}
