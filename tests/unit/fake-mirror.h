/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* The double of kftp_mirror: see daemon.h for what it does. */

#include "libkftp.h"

int fake_mirror(const KftpUrl *url, const char *path, const KftpOptions *o, const KftpMirrorOptions *m, KftpMirrorResult *ret);
