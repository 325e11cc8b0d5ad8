/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "libkftp.h"

typedef struct KftpReplyClass {
        enum kftp_class class;
        bool transient;
        const char *advice;             /* "" or "; what to do" */
} KftpReplyClass;

/* What a reply with which a server refused means. bytes: how many of the file had come by then. */
KftpReplyClass kftp_reply_classify(unsigned reply, const char *text, size_t n, bool logged_in, bool encrypted, uint64_t bytes);
