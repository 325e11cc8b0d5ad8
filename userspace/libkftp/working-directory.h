/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "connection.h"

/*
 * The directory in a reply to PWD (257), as CWD takes it back: a Unix path, "C:\x", "PUB$DEV:[X.Y]" or "QGPL".
 * Allocated; NULL if there is none that could be sent.
 */
char *kftp_working_directory_parse(const char *reply, size_t n);

/* CWD to path, remembering where the log-in had put us. 0, or -errno with *f filled in. */
int kftp_working_directory_enter(KftpConnection *c, const char *path, KftpDone *ret, KftpFailure *f);

/* Back to where the log-in had put us. If that is not possible the connection is given up: paths are relative to it. */
void kftp_working_directory_leave(KftpConnection *c);
