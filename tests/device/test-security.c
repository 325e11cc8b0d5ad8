/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What confines a program and what of that confines its sessions, as kftp(4) says in SECURITY
 * CONSIDERATIONS: programs attached to its control group do, seccomp's view of socket(2) does not.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/bpf.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "fixture.h"

/* ---- Control groups -------------------------------------------------------------------------------- */

/* A program that returns 0, which means no, for all that this attachment point decides. */
static int load_denial(enum bpf_prog_type program, enum bpf_attach_type attach) {
        static const struct bpf_insn instructions[] = {
                { .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = 0 },
                { .code = BPF_JMP | BPF_EXIT },
        };
        union bpf_attr attr = {
                .prog_type = program,
                .insn_cnt = sizeof(instructions) / sizeof(instructions[0]),
                .insns = (uintptr_t) instructions,
                .license = (uintptr_t) "GPL",
                .expected_attach_type = attach,
        };

        return syscall(SYS_bpf, BPF_PROG_LOAD, &attr, sizeof(attr));
}

static void attach(int cgroup, int program, enum bpf_attach_type type) {
        union bpf_attr attr = {
                .target_fd = cgroup,
                .attach_bpf_fd = program,
                .attach_type = type,
        };

        assert_int_equal(syscall(SYS_bpf, BPF_PROG_ATTACH, &attr, sizeof(attr)), 0);
}

static void write_file(const char *directory, const char *name, const char *text) {
        char path[256];
        int fd;

        snprintf(path, sizeof(path), "%s/%s", directory, name);
        fd = open(path, O_WRONLY | O_CLOEXEC);
        assert_true(fd >= 0);
        assert_int_equal(write(fd, text, strlen(text)), strlen(text));
        close(fd);
}

/* This process in a control group of its own for the time of a session that tries to connect. */
static int connect_in_cgroup(enum bpf_prog_type program, enum bpf_attach_type type) {
        Peer *p = test_peer("127.0.0.1", peer_friendly, NULL);
        struct kftp_connect c = connect_to_peer(p);
        const char *root = test_directory();
        char group[128];
        int cgroup, denial;
        Session *s;

        assert_int_equal(mount("cgroup", root, "cgroup2", 0, NULL), 0);
        snprintf(group, sizeof(group), "%s/kftp-test", root);
        assert_int_equal(mkdir(group, 0700), 0);
        cgroup = test_fd(open(group, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
        denial = test_fd(load_denial(program, type));
        attach(cgroup, denial, type);
        write_file(group, "cgroup.procs", "0");
        c.connect_ms = 1000;
        s = session_armed(&c);
        session_run(s);
        write_file(root, "cgroup.procs", "0");
        assert_int_equal(rmdir(group), 0);
        session_assert_event(s, KFTP_EVENT_CLOSED);
        assert_int_equal(peer_connections(p), 0);
        return s->event.error;
}

/* IPAddressDeny= of systemd is such a program: packets do not get out. */
static void test_cgroup_egress(void **state) {
        (void) state;
        assert_int_equal(connect_in_cgroup(BPF_PROG_TYPE_CGROUP_SKB, BPF_CGROUP_INET_EGRESS), -ETIMEDOUT);
}

/* One that decides about connect(2) is asked, too. */
static void test_cgroup_connect(void **state) {
        (void) state;
        assert_int_equal(connect_in_cgroup(BPF_PROG_TYPE_CGROUP_SOCK_ADDR, BPF_CGROUP_INET4_CONNECT), -EPERM);
}

/* ---- seccomp ------------------------------------------------------------------------------------------ */

/* socket(2) and connect(2) fail with EACCES from now on, in this thread. */
static int forbid_sockets(void) {
        struct sock_filter filter[] = {
                BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
                BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_socket, 1, 0),
                BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_connect, 0, 1),
                BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EACCES),
                BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
        };
        struct sock_fprog program = { .len = sizeof(filter) / sizeof(filter[0]), .filter = filter };

        return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ? -1 : prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

typedef struct Confined {
        Session *session;
        int forbidden, socket_error;
} Confined;

static void *run_confined(void *userdata) {
        Confined *c = userdata;

        c->forbidden = forbid_sockets();
        c->socket_error = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0) < 0 ? errno : 0;
        session_run(c->session);
        return NULL;
}

/* Not a promise but a warning: this is how it is, and kftp(4) says so. */
static void test_seccomp_does_not_see(void **state) {
        Peer *p = test_peer("127.0.0.1", peer_friendly, NULL);
        struct kftp_connect c = connect_to_peer(p);
        Confined confined = { .session = session_armed(&c) };
        pthread_t t;

        (void) state;
        assert_int_equal(pthread_create(&t, NULL, run_confined, &confined), 0);
        assert_int_equal(pthread_join(t, NULL), 0);
        assert_int_equal(confined.forbidden, 0);
        assert_int_equal(confined.socket_error, EACCES);
        session_assert_event(confined.session, KFTP_EVENT_CONNECTED);
}

static const struct CMUnitTest tests[] = {
        DEVICE_TEST(test_cgroup_egress),
        DEVICE_TEST(test_cgroup_connect),
        DEVICE_TEST(test_seccomp_does_not_see),
};

DEVICE_TESTS("security", tests)
