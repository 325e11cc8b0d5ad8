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

/* In which order a date such as 01/02/24 has its numbers. */
enum kftp_list_order {
        KFTP_LIST_MONTH_FIRST = 0,
        KFTP_LIST_DAY_FIRST,
        KFTP_LIST_YEAR_FIRST,
        KFTP_LIST_ORDERS,
};

/* What the lines of one listing are read with, and what they tell of the others. */
typedef struct KftpListContext {
        int64_t now;                    /* seconds since 1970, for dates without a year */
        int32_t utc_offset;             /* seconds that the server's clock is ahead of UTC */
        enum kftp_list_order order;
        unsigned impossible[KFTP_LIST_ORDERS];  /* how much speaks against each order */
        bool members;                   /* the heading of a partitioned data set was there */
        char name[40];                  /* of an entry whose name does not stand in the line as it is */
} KftpListContext;

typedef struct KftpListFormat {
        const char *name;
        /*
         * line has no line end, no NUL and at least one byte. *ret points into it, or to context->name. Names are
         * bytes: in which character set they are is for the caller to know, who sends the same bytes back.
         */
        int (*parse)(const char *line, size_t n, KftpListContext *context, KftpEntry *ret);
        /* The entry goes on in the next line if that begins with a blank: parse gets both, with the line end between. */
        bool (*goes_on)(const char *line, size_t n);
        bool utc;                       /* times are UTC: parse does not look at utc_offset */
        bool year_first;                /* dates of two digits each may begin with the year */
        bool versions;                  /* of entries with the same name, one after the other, the first counts */
} KftpListFormat;

extern const KftpListFormat kftp_list_mlsd;     /* RFC 3659 section 7 */
extern const KftpListFormat kftp_list_unix;     /* ls -l; IIS in its unix mode, NetPresenz, WebSTAR */
extern const KftpListFormat kftp_list_dos;      /* IIS, Windows CE, dir */
extern const KftpListFormat kftp_list_eplf;     /* publicfile */
extern const KftpListFormat kftp_list_netware;
extern const KftpListFormat kftp_list_vms;      /* VMS, MultiNet */
extern const KftpListFormat kftp_list_os2;
extern const KftpListFormat kftp_list_as400;
extern const KftpListFormat kftp_list_mvs;      /* data sets, and members of partitioned ones */
extern const KftpListFormat kftp_list_jes;      /* jobs */
extern const KftpListFormat kftp_list_zvm;
extern const KftpListFormat kftp_list_nonstop;  /* Guardian */
extern const KftpListFormat kftp_list_vxworks;
extern const KftpListFormat kftp_list_os9;
extern const KftpListFormat kftp_list_wfftp;    /* Wellfleet routers */
extern const KftpListFormat kftp_list_numeric;  /* stat(2) in numbers */
extern const KftpListFormat kftp_list_names;    /* nothing but names; never voted for beside another one */

/* An entry of which nothing is known yet. */
#define KFTP_ENTRY_INIT (KftpEntry) {                           \
                .type = KFTP_ENTRY_OTHER,                       \
                .size = KFTP_SIZE_UNKNOWN,                      \
                .mtime = KFTP_MTIME_UNKNOWN,                    \
                .mode = KFTP_MODE_UNKNOWN,                      \
        }

/* What is known before a listing is read, and remembered of one server after that. */
typedef struct KftpListKnown {
        int64_t now;                    /* seconds since 1970 */
        int32_t utc_offset;             /* seconds that the server's clock is ahead of UTC */
        const KftpListFormat *format;   /* of the listing before, or NULL */
        enum kftp_list_order order;     /* there */
} KftpListKnown;

/*
 * The format in which most of the first lines of text can be read; NULL if there is none. The one that is known stays
 * as long as it reads half of them.
 */
const KftpListFormat *kftp_list_guess(const char *text, size_t n, const KftpListKnown *known);

/* What a whole listing was. */
typedef struct KftpListSummary {
        const KftpListFormat *format;   /* NULL: none fits, or there was no line */
        enum kftp_list_order order;     /* of its dates */
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
int kftp_list_read(
                int fd,
                KftpListSource source,
                const KftpListKnown *known,
                KftpEntryCallback callback,
                void *userdata,
                KftpListSummary *ret);

/* ---- Characters: list-ebcdic.c ----------------------------------------------------------------- */

/* Whether the first bytes of a listing are EBCDIC. */
bool kftp_list_is_ebcdic(const char *text, size_t n);
/* To ASCII (ISO 8859-1), in place. */
void kftp_list_from_ebcdic(char *text, size_t n);

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
/* The same two by the server's clock. */
int64_t kftp_list_local_time(const KftpListTime *t, const KftpListContext *context);
int64_t kftp_list_local_time_guess_year(const KftpListTime *t, const KftpListContext *context);
/*
 * 1 to 12 for a month's name, in any case: an English one of three letters or more, or one of the abbreviations of
 * two dozen other languages, with or without a dot; 0 if it is none.
 */
int kftp_list_month(const char *text, size_t n);

/* ---- Fields: list-field.c ---------------------------------------------------------------------- */

typedef struct KftpListWord {
        const char *text;
        size_t n;
} KftpListWord;

/* Splits off the next word, between blanks or ends of lines; false at the end. */
bool kftp_list_next_word(const char **p, const char *end, KftpListWord *ret);
/* Up to max words; returns how many there are. */
size_t kftp_list_words(const char *line, size_t n, KftpListWord *words, size_t max);
/* In any case. */
bool kftp_list_word_is(KftpListWord w, const char *text);
/* The first words of the line are these, separated by blanks: "size date" */
bool kftp_list_begins_with_words(const char *line, size_t n, const char *text);

/* Digits only, that fit. Otherwise false, and *ret is left as it is. */
bool kftp_list_number(const char *text, size_t n, uint64_t *ret);
/* The same of a size; one that is not exact ("4.0K") or not told ("-") becomes KFTP_SIZE_UNKNOWN. */
bool kftp_list_size(KftpListWord w, uint64_t *ret);
/* A number between min and max of at most two digits, or -1. */
int kftp_list_small_number(const char *text, size_t n, int min, int max);

/*
 * "01/02/24", "2024-01-02", "02.01.2024", "2-JAN-2024", "Jan-02-24". Notes in the context which orders are possible;
 * day and month may be none.
 */
bool kftp_list_date_word(KftpListWord w, KftpListContext *context, KftpListTime *t);
/* "03:04", "03:04:05", "15.04.05", "3:04PM", also with a fraction */
bool kftp_list_time_word(KftpListWord w, KftpListTime *t, uint32_t *precision);
/* "AM" or "PM" behind it, in whatever case */
bool kftp_list_half_day(KftpListWord w, KftpListTime *t);

/* ---- The part of ls -l that others have too: list-unix-date.c ---------------------------------- */

/*
 * Looks among the words for a number followed by a date, and takes the two for size and mtime. Returns where the date
 * ends, or NULL.
 */
const char *kftp_list_size_and_date(const KftpListWord *words, size_t n, KftpListContext *context, KftpEntry *e);
