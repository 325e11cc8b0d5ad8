/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The names of an upload on the server. Nothing is known of the limits there; 255 bytes is what common file
 * systems have.
 */
#define KFTP_REMOTE_NAME_MAX 255

/* directory, with or without a slash at its end or "", and name. Allocated. */
char *kftp_remote_join(const char *directory, const char *name);

/* What path has before its last part, the slash included; "" if it has one part only. Allocated. */
char *kftp_remote_directory(const char *path);

/* The last part of path. */
const char *kftp_remote_base(const char *path);

/*
 * What stands for a version of a file in its temporary name: of two files, or two versions of one, that differ in
 * name, size or time no part is taken for one of the other. Nor is what was sent in clear text, where it may have been
 * changed, taken for what was sent protected (kftp_url_is_protected).
 */
uint64_t kftp_put_key(const char *name, uint64_t size, int64_t mtime_nsec, bool protected);

/* ".NAME.kftp-KEY", with hidden false without the dot, NAME cut at the end of a character if need be. Allocated. */
char *kftp_put_temporary(const char *name, uint64_t key, bool hidden);

/* The name in a reply to STOU: "150 FILE: x", "226 Transfer complete (unique file name:x).". Allocated; NULL: none. */
char *kftp_put_unique_name(const char *line, size_t n);

/* Whether there are servers that would store under another name: it is not only of letters, digits, "._-" and the like. */
bool kftp_put_name_is_odd(const char *name);

/* Whether there are servers that would answer to another name only: it has blanks or a dot at an end, accents of their own, what
 * Windows has no names with, or is no UTF-8. Other odd names are found as they were sent. */
bool kftp_put_name_is_fragile(const char *name);

/* Whether the line of an MLST reply (" FACTS PATH") is about a file that is called name. */
bool kftp_mlst_is_named(const char *line, size_t n, const char *name);
