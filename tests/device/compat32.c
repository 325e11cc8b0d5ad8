/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A 32-bit program that downloads a file through /dev/kftp: the layout has to be the same for it,
 * and its calls come by the compat entry. It needs no C library, as machines without the 32-bit
 * one must be able to build it.
 *
 *     compat32 PORT BYTES
 *
 * logs in at 127.0.0.1:PORT, fetches "bytes-N" into descriptor 3. Exit status 0, or the number of
 * the step that went wrong.
 */
#include "uapi/kftp.h"

#include "../unit/uapi-layout.h"

#define SYS_EXIT 1
#define SYS_OPEN 5
#define SYS_IOCTL 54
#define O_RDWR 2
#define ESRCH 3
#define EINVAL 22

__attribute__((used, noreturn)) void run(long *stack);

/* The stack is the only argument: argc, argv. */
__asm__(".globl _start\n"
        "_start:\n"
        "        movl %esp, %eax\n"
        "        andl $-16, %esp\n"
        "        subl $12, %esp\n"
        "        pushl %eax\n"
        "        call run\n");

static long call(long number, long a, long b, long c) {
        long r;

        __asm__ volatile("int $0x80" : "=a"(r) : "a"(number), "b"(a), "c"(b), "d"(c) : "memory");
        return r;
}

static __attribute__((noreturn)) void leave(int status) {
        for (;;)
                call(SYS_EXIT, status, 0, 0);
}

static void must(int ok, int step) {
        if (!ok)
                leave(step);
}

static unsigned length(const char *s) {
        unsigned n = 0;

        while (s[n])
                n++;
        return n;
}

static unsigned number(const char *s) {
        unsigned n = 0;

        for (; *s; s++)
                n = n * 10 + *s - '0';
        return n;
}

static __u64 pointer(const void *p) {
        return (unsigned long) p;
}

static char text[600];

static void expect(int fd, unsigned type, int step) {
        struct kftp_run event = { .size = sizeof(event), .text = pointer(text), .text_cap = sizeof(text) };

        must(call(SYS_IOCTL, fd, KFTP_RUN, (long) &event) == 0, step);
        must(event.type == type && event.error == 0 && event.size == sizeof(event), step + 1);
        must(event.fd == -1 && event.alert == 0, step + 2);
        if (type == KFTP_EVENT_DONE)
                must(event.user_data == 0x1122334455667788ULL && event.reply == 226 && text[0] == '2', step + 3);
}

static void arm(int fd, unsigned port) {
        struct kftp_connect c = {
                .size = sizeof(c),
                .peer = { .family = 2, .port = (__be16) ((port & 255) << 8 | port >> 8), .addr = { 127, 0, 0, 1 } },
                .user = pointer("user"),
                .user_len = 4,
                .password = pointer("secret"),
                .password_len = 6,
        };

        must(call(SYS_IOCTL, fd, KFTP_CONNECT, (long) &c) == 0, 10);
}

/* Nobody waits for a handshake here; which is found out only when the structure has been read as a whole. */
static void answer(int fd, __u32 pending_len, long result, int step) {
        static const char pending[] = "220 Hello";
        struct kftp_tls t = { .size = sizeof(t), .pending_len = pending_len, .pending = pointer(pending) };

        must(call(SYS_IOCTL, fd, KFTP_TLS, (long) &t) == result, step);
}

static void submit(int fd, const char *path) {
        struct kftp_submit r = {
                .size = sizeof(r),
                .op = KFTP_OP_RETR,
                .fd = 3,
                .path = pointer(path),
                .path_len = length(path),
                .user_data = 0x1122334455667788ULL,
        };

        must(call(SYS_IOCTL, fd, KFTP_SUBMIT, (long) &r) == 0, 30);
}

void run(long *stack) {
        struct kftp_info info = { .size = sizeof(info) };
        char **argv = (char **) (stack + 1);
        int fd;

        must(stack[0] == 3, 1);
        fd = call(SYS_OPEN, (long) "/dev/kftp", O_RDWR, 0);
        must(fd >= 0, 2);
        must(call(SYS_IOCTL, fd, KFTP_INFO, (long) &info) == 0, 3);
        must(info.size == sizeof(info) && info.abi == KFTP_ABI_VERSION && info.max_queue == KFTP_MAX_QUEUE, 4);
        must(info.tls_version == 0 && info.tls_cipher == 0 && info.tls_flags == 0, 5);
        arm(fd, number(argv[1]));
        answer(fd, 9, -ESRCH, 15);
        answer(fd, KFTP_MAX_LINE + 1, -EINVAL, 16);
        expect(fd, KFTP_EVENT_CONNECTED, 20);
        submit(fd, argv[2]);
        expect(fd, KFTP_EVENT_DONE, 40);
        leave(0);
}
