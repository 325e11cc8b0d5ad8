/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "digest.h"
#include "libkftp.h"
#include "text.h"

/* Where the bytes of a file go that do not stay in a file as they are: the standard output, a filter. */
typedef struct KftpSink {
        int fd;
        const char *name;               /* for messages */
        const KftpControl *control;
        bool text;                      /* the ends of lines are translated */
        KftpText lines;
        KftpHash *hash;                 /* of what comes in; NULL: none wanted */
} KftpSink;

/* All of it, as it should come out; ends early only with a failure. */
int kftp_sink_write(KftpSink *s, const char *data, size_t n, KftpFailure *f);

/* What was held back. */
int kftp_sink_end(KftpSink *s, KftpFailure *f);
