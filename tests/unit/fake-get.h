/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* The double of kftp_get: see daemon.h for what it does. */

#include "libkftp.h"

/* Where its markers are. */
extern const char *fake_get_directory;
bool fake_marker(const char *name);

int fake_get(const KftpUrl *url, const char *dest, const KftpOptions *o, KftpResult *ret);
