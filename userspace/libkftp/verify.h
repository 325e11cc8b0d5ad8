/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "connection.h"
#include "digest.h"

/* What is to be compared (KftpOptions.verify), and how this server can. */
typedef struct KftpVerify {
        unsigned what;
        enum kftp_digest digest;        /* NONE unless a hash is wanted */
} KftpVerify;

/* Before anything is moved: a server that has no hash is said so now. */
int kftp_verify_begin(KftpVerify *v, KftpConnection *c, unsigned what, KftpFailure *f);

/* What the server has said of the file before it was received; size unknown or mtime unknown if it has not. */
int kftp_verify_facts(const KftpVerify *v, KftpConnection *c, const char *path, uint64_t size, int64_t mtime, KftpFailure *f);

/*
 * Compares the server's hash of path with local, which is of v->digest, or with that of the file fd. Failures are of
 * class INTEGRITY and transient if they differ. *sha256 is set if the hash is one.
 */
int kftp_verify_hash(const KftpVerify *v, KftpConnection *c, const char *path, const uint8_t local[KFTP_DIGEST_MAX], char **sha256, KftpFailure *f);
int kftp_verify_file(const KftpVerify *v, KftpConnection *c, const char *path, int fd, const char *name, char **sha256, KftpFailure *f);
