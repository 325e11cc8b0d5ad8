/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "libkftp.h"

#define KFTP_DIGEST_MAX 64

/* The strongest that a server has, by the bits of its FEAT: KFTP_DIGEST_NONE if it has none. */
enum kftp_digest kftp_digest_choose(uint64_t feat);

size_t kftp_digest_size(enum kftp_digest d);
const char *kftp_digest_name(enum kftp_digest d);       /* "SHA-256" */

/* A hash piece by piece. NULL: no memory, or not to be had here. */
typedef struct KftpHash KftpHash;
KftpHash *kftp_hash_new(enum kftp_digest d);
void kftp_hash_add(KftpHash *h, const void *data, size_t n);
void kftp_hash_end(KftpHash *h, uint8_t ret[KFTP_DIGEST_MAX]);
void kftp_hash_free(KftpHash *h);

/* Of a whole file. -ECANCELED if control was cancelled meanwhile. */
int kftp_hash_file(int fd, enum kftp_digest d, const KftpControl *control, uint8_t ret[KFTP_DIGEST_MAX]);

/* In lower case; allocated. */
char *kftp_hash_format(enum kftp_digest d, const uint8_t hash[KFTP_DIGEST_MAX]);

/*
 * The hash in a server's reply: "213 SHA-256 0-49 HEX PATH", "250 HEX", "250 PATH HEX", ... path is the one that was
 * asked for. -EBADMSG if there is none of this kind, or more than one.
 */
int kftp_hash_parse(const char *text, size_t n, const char *path, enum kftp_digest d, uint8_t ret[KFTP_DIGEST_MAX]);
