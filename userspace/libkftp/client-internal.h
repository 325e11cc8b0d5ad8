/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "client.h"

/* Something that is tried. prepare (may be NULL) is called before each attempt, before there is a connection. */
typedef struct KftpTask {
        int (*prepare)(void *userdata, KftpFailure *f);
        KftpWork work;
        void *userdata;
} KftpTask;

/* kftp_client_do for a task. f is not NULL. */
int kftp_client_run(KftpClient *c, const KftpUrl *url, const KftpTask *task, unsigned *ret_attempts, KftpFailure *f);
