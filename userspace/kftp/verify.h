/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* The times of jobs, as systemd understands them. */

#include <stdbool.h>

#include "job-load.h"

typedef struct VerifyCalendars {
        bool asked;                     /* whether systemd-analyze is there */
        bool available;
        void *good;                     /* expressions that systemd understands */
} VerifyCalendars;

/* Has systemd judge each OnCalendar= of a job, and tells of those that it does not understand: -EBADMSG. Where there is no
 * systemd all are taken. -ENOMEM. */
int verify_calendar(VerifyCalendars *c, const KftpJobDirectories *d, const KftpJob *job, kftp_diagnosis_t sink, void *userdata);
void verify_calendars_done(VerifyCalendars *c);
