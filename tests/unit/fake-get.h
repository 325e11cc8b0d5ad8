/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* The double of kftp_get: see daemon.h for what it does. */

#include "libkftp.h"

/* Where its markers are. */
extern const char *fake_get_directory;
bool fake_marker(const char *name);

/* The double of a client knows its options, and nothing else. */
int fake_client_new(KftpClient **ret, const KftpOptions *o);
void fake_client_free(KftpClient *c);
const KftpOptions *fake_options(const KftpClient *c);

int fake_get(KftpClient *c, const KftpUrl *url, const char *dest, KftpResult *ret);
int fake_size(KftpClient *c, const KftpUrl *url, uint64_t *ret, KftpFailure *f);
