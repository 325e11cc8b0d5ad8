/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stddef.h>

/*
 * Lines of the network (CR LF) from and to ours (LF), piece by piece. Files are moved byte by byte, in TYPE I: this
 * is what TYPE A would have done, without its price.
 */
typedef struct KftpText {
        unsigned crs;                   /* receiving: CRs that are held back until it is seen what follows */
        int last;                       /* sending: the last byte */
} KftpText;

/* What may be held back at any time. */
#define KFTP_TEXT_HELD 2

/* CR LF, and CR CR LF as some servers make of it, become LF; other CRs stay. out has room for n + KFTP_TEXT_HELD. */
size_t kftp_text_receive(KftpText *t, const char *in, size_t n, char *out);
/* At the end; out has room for KFTP_TEXT_HELD. */
size_t kftp_text_finish(KftpText *t, char *out);

/* LF becomes CR LF, unless it is one already. out has room for 2 * n. */
size_t kftp_text_send(KftpText *t, const char *in, size_t n, char *out);
