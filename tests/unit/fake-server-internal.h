/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* What the parts of the server in memory share. */

#include "connection-internal.h"
#include "fake-server.h"

FakeFile *fake_find(const char *path);
void fake_note(const char *verb, const char *path);

/* How a request ends; they return the error of d. */
int fake_reply(KftpDone *d, unsigned code);
int fake_cut(KftpDone *d);

int fake_retrieve(const struct kftp_submit *q, const char *path, KftpWatch *watch, KftpDone *d);
int fake_modified(const char *path, KftpDone *d);
