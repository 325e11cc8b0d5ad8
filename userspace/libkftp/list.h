/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Listings of directories, as servers write them: each format is one file with one KftpListFormat,
 * list.c chooses among them and hands out the entries. Pure: nothing here knows of a connection.
 */

#include "libkftp.h"

/* What a format makes of a line. */
enum {
        KFTP_LIST_NOT = -1,             /* not a line of this format */
        KFTP_LIST_NOTHING = 0,          /* belongs to the format, but tells of no entry: "total 12" */
        KFTP_LIST_ENTRY = 1,
        KFTP_LIST_DOT = 2,              /* an entry that stands for the directory itself, or the one above */
};

typedef struct KftpListFormat {
        const char *name;
        /*
         * line has no line end, no NUL and at least one byte. *ret points into it. now is seconds since
         * 1970, for dates without a year. Times are taken for UTC, which only MLSD promises.
         */
        int (*parse)(const char *line, size_t n, int64_t now, KftpEntry *ret);
} KftpListFormat;

extern const KftpListFormat kftp_list_mlsd;     /* RFC 3659 section 7 */
extern const KftpListFormat kftp_list_unix;     /* ls -l */
extern const KftpListFormat kftp_list_dos;      /* IIS, dir */

/* An entry of which nothing is known yet. */
#define KFTP_ENTRY_INIT (KftpEntry) {                           \
                .type = KFTP_ENTRY_OTHER,                       \
                .size = KFTP_SIZE_UNKNOWN,                      \
                .mtime = KFTP_MTIME_UNKNOWN,                    \
                .mode = KFTP_MODE_UNKNOWN,                      \
        }

/* The format in which most of the first lines of text can be read; NULL if there is none. */
const KftpListFormat *kftp_list_guess(const char *text, size_t n, int64_t now);

/* What a whole listing was. */
typedef struct KftpListSummary {
        const KftpListFormat *format;   /* NULL: none fits, or there was no line */
        uint64_t lines;                 /* that are not empty */
        uint64_t entries;               /* delivered */
        uint64_t directories;           /* among them */
        uint64_t bad;                   /* lines that could not be read */
        bool dots;                      /* "." or ".." were there */
        char *bad_line;                 /* the first bad one, or NULL; escaped */
} KftpListSummary;

void kftp_list_summary_done(KftpListSummary *s);

/* What a reply's lines may have before the entry, beside what a listing has. */
typedef enum KftpListSource {
        KFTP_LIST_FROM_DATA,            /* the data connection */
        KFTP_LIST_FROM_REPLY,           /* the control connection: "213-" or a space before each line */
} KftpListSource;

/*
 * Reads fd from its beginning with a buffer of bounded size and calls back for each entry in turn; "."
 * and ".." are left out. Returns 0, -errno, or the negative value with which the callback stopped it.
 */
int kftp_list_read(int fd, KftpListSource source, int64_t now, KftpEntryCallback callback, void *userdata, KftpListSummary *ret);

/* ---- Times: list-time.c ------------------------------------------------------------------------ */

typedef struct KftpListTime {
        int year, month, day, hour, minute, second;
} KftpListTime;

/* Seconds since 1970, UTC; KFTP_MTIME_UNKNOWN if there is no such time. */
int64_t kftp_list_time(const KftpListTime *t);
/* The same for a date without a year: the latest one that is not more than a day in the future. */
int64_t kftp_list_time_guess_year(const KftpListTime *t, int64_t now);
/* YYYYMMDDHHMMSS with an optional fraction (RFC 3659 section 2.3), also as 19YYY... after 1999. */
int64_t kftp_list_time_val(const char *text, size_t n);
/* 1 to 12 for an English month's name of three letters or more, in any case; 0 if it is none. */
int kftp_list_month(const char *text, size_t n);

/* ---- Fields ------------------------------------------------------------------------------------ */

/* Digits only, that fit. Otherwise false, and *ret is left as it is. */
bool kftp_list_number(const char *text, size_t n, uint64_t *ret);
