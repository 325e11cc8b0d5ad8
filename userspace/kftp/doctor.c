// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * kftp doctor: why kftp cannot work on this machine, and the command that mends each thing. The checks
 * are in doctor-module.c (what has to be in the kernel), doctor-system.c (rights and the daemon) and doctor-service.c
 * (what the daemon needs).
 */

#include <spawn.h>
#include <stdarg.h>
#include <sys/wait.h>
#include <fcntl.h>

#include "doctor.h"
#include "verbs.h"
#include "libkftp.h"
#include "util.h"

extern char **environ;

static void say(const char *verdict, const char *what, const char *format, va_list ap) {
        printf("%-5s %-12s ", verdict, what);
        vprintf(format, ap);
        putchar('\n');
}

void doctor_ok(const char *what, const char *format, ...) {
        va_list ap;

        va_start(ap, format);
        say("ok", what, format, ap);
        va_end(ap);
}

void doctor_note(const char *what, const char *format, ...) {
        va_list ap;

        va_start(ap, format);
        say("-", what, format, ap);
        va_end(ap);
}

void doctor_fail(Doctor *d, const char *what, const char *mend, const char *format, ...) {
        va_list ap;

        va_start(ap, format);
        say("FAIL", what, format, ap);
        va_end(ap);
        if (mend)
                printf("%-18s -> %s\n", "", mend);
        d->failed++;
}

static char *first_line(int fd) {
        char buffer[256];
        ssize_t n = read(fd, buffer, sizeof(buffer) - 1);

        if (n < 0)
                return NULL;
        buffer[n] = '\0';
        return kftp_escape(buffer, strcspn(buffer, "\n"));
}

char *doctor_read_line(const char *path) {
        _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

        return fd < 0 ? NULL : first_line(fd);
}

static int spawn(const char *const *argv, int out, pid_t *ret) {
        posix_spawn_file_actions_t actions;
        int r;

        r = posix_spawn_file_actions_init(&actions);
        if (r != 0)
                return -r;
        r = posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO)
                ?: posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0)
                ?: posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0)
                ?: posix_spawnp(ret, argv[0], &actions, NULL, (char *const *) argv, environ);
        (void) posix_spawn_file_actions_destroy(&actions);
        return -r;
}

char *doctor_ask(const char *const *argv) {
        _cleanup_close_ int in = -1, out = -1;
        char rest[256], *line;
        int p[2], status;
        pid_t pid;

        if (pipe2(p, O_CLOEXEC) < 0)
                return NULL;
        in = p[0];
        out = p[1];
        fflush(stdout);
        if (spawn(argv, out, &pid) < 0)
                return NULL;
        out = safe_close(out);
        line = first_line(in);
        while (read(in, rest, sizeof(rest)) > 0)
                ;
        (void) waitpid(pid, &status, 0);
        return line;
}

/* modinfo and dkms are where users do not look. */
static void extend_path(void) {
        _cleanup_free_ char *path = NULL;

        if (asprintf(&path, "%s:/usr/sbin:/sbin", getenv("PATH") ?: "/usr/bin:/bin") >= 0)
                (void) setenv("PATH", path, 1);
}

int verb_doctor(int argc, char **argv) {
        static void (*const checks[])(Doctor *) = {
                doctor_check_module,
                doctor_check_version,
                doctor_check_group,
                doctor_check_device,
                doctor_check_tls,
                doctor_check_certificates,
                doctor_check_daemon,
                doctor_check_directories,
                doctor_check_credentials,
                doctor_check_schedules,
                doctor_check_bus,
        };
        Doctor d = { .device_fd = -1 };

        if (argc > 1)
                return usage_error("doctor takes no arguments: '%s'", argv[1]);
        extend_path();
        for (size_t i = 0; i < ELEMENTS(checks); i++)
                checks[i](&d);
        safe_close(d.device_fd);
        if (d.failed > 0)
                printf("\n%u of these things %s kftp from working, or from working as it should.\n", d.failed,
                       d.failed == 1 ? "keeps" : "keep");
        if (fflush(stdout) != 0)
                return KFTP_CLASS_LOCAL;
        return d.failed > 0 ? KFTP_CLASS_DEVICE : KFTP_CLASS_OK;
}
