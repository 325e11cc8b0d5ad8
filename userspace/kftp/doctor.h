/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>

/* What the checks have found so far. Later checks are spared if an earlier one explains them. */
typedef struct Doctor {
        unsigned failed;
        bool module_loaded;
        int device_fd;
        bool has_tls;                   /* the module says that it can */
        bool answers;                   /* the device does, so that this is known */
} Doctor;

/* One line each. mend, on a second line, is the command that helps. */
void doctor_ok(const char *what, const char *format, ...) __attribute__((format(printf, 2, 3)));
void doctor_note(const char *what, const char *format, ...) __attribute__((format(printf, 2, 3)));
void doctor_fail(Doctor *d, const char *what, const char *mend, const char *format, ...) __attribute__((format(printf, 4, 5)));

/* The first line of a small file without its end; NULL if there is none. Allocated. */
char *doctor_read_line(const char *path);

/* Runs a program and takes the first line it prints, "" if none; NULL if it cannot be run. Allocated. */
char *doctor_ask(const char *const *argv);

void doctor_check_module(Doctor *d);
void doctor_check_version(Doctor *d);
void doctor_check_device(Doctor *d);
void doctor_check_tls(Doctor *d);
void doctor_check_certificates(Doctor *d);
void doctor_check_group(Doctor *d);
void doctor_check_daemon(Doctor *d);
void doctor_check_directories(Doctor *d);
void doctor_check_credentials(Doctor *d);
void doctor_check_schedules(Doctor *d);
void doctor_check_bus(Doctor *d);
