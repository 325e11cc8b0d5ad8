/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The unit-file syntax below the job file: logical lines, comments, continuation, sections and
 * assignments, and where each byte of them stands in the file. It knows no section and no key.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Offsets in the file's text, counted from base on, are what everything is located by. */
typedef struct JobText {
        const char *text;
        size_t n;
        size_t base;
        size_t next;                    /* where the next physical line begins */
        char *line;                     /* the logical line, joined, terminated by a NUL */
        uint32_t *origin;               /* for each byte of it, and its end: where it stands */
} JobText;

typedef struct JobPlace {
        unsigned line;
        unsigned column;
} JobPlace;

typedef enum JobItemType {
        JOB_ITEM_END,
        JOB_ITEM_SECTION,               /* key is its name */
        JOB_ITEM_ASSIGNMENT,
        JOB_ITEM_GARBAGE,               /* neither: key is the whole line */
} JobItemType;

/* Points into the logical line: valid until the next call. */
typedef struct JobItem {
        JobItemType type;
        char *key;
        size_t key_at;
        char *value;
        const uint32_t *value_origin;   /* of each byte of value, and of its end */
} JobItem;

/* 0, or -ENOMEM. base + n is below 4 GiB. */
int job_text_init(JobText *t, const char *text, size_t n, size_t base);
void job_text_done(JobText *t);

/* Finds the first byte that may not stand in a job file: a control byte other than tab and line
 * ends, or invalid UTF-8. Returns false if there is none. */
bool job_text_find_bad(const char *text, size_t n, size_t *at, const char **what);

JobItemType job_text_next(JobText *t, JobItem *ret);
/* The place of an offset in a text. */
JobPlace job_text_place(const char *text, size_t n, size_t offset);
