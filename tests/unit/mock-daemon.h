/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * org.kftp1, and systemd's timers, on a bus of its own, for tests of the command; and the command's verbs called as a shell
 * would, with what they write.
 */

#include "directory.h"

#include <pthread.h>
#include <stdbool.h>
#include <systemd/sd-bus.h>

#define MOCK_JOBS_MAX 2100
#define MOCK_FIELDS_MAX 40

typedef struct MockField {
        const char *key;
        char type;                      /* s, t, u; a: one string in an array */
        const char *text;
        uint64_t number;
} MockField;

typedef struct MockJob {
        const char *name;
        MockField fields[MOCK_FIELDS_MAX];      /* up to one without a key */
} MockJob;

typedef struct Mock {
        /* what tests prepare; sorted by name */
        MockJob jobs[MOCK_JOBS_MAX];
        unsigned n_jobs;
        const char *error;              /* of all calls but Subscribe; NULL: none */
        const char *timer;              /* a job that has a timer */
        uint64_t timer_next;
        const char *show;               /* what Show answers */
        const char *pause;
        /* what becomes of the run that is asked for: called in the daemon's thread once it was answered */
        void (*on_run)(const char *name, uint64_t number);
        void (*on_listed)(void);        /* once, after all jobs were listed */

        /* what they find out */
        unsigned runs, cancels, retries, reloads, lists, subscriptions;
        uint64_t flags;
        char last[64];                  /* the last job that a method that changes something was called for */
} Mock;

extern Mock mock;

/* A bus without the daemon; for cmocka, around each test. They make the test's directory, too. */
int mock_set_up(void **state);
int mock_tear_down(void **state);
#define ON_BUS(test) cmocka_unit_test_setup_teardown(test, mock_set_up, mock_tear_down)

/* The daemon comes and goes. */
void mock_start(void);
void mock_stop(void);

MockJob *mock_add(const char *name, const char *state);
void mock_set_text(const char *name, const char *key, const char *text);
void mock_set_number(const char *name, const char *key, uint64_t number);
/* Of type u. */
void mock_set_small(const char *name, const char *key, uint64_t number);
/* The end of a run, as the daemon shows it, without a signal. */
void mock_end_run(const char *name, uint64_t number, const char *result, const char *text);

/* Signals; of the daemon's thread only, so from on_run or mock_later. */
void mock_tell_changed(const char *name);
void mock_tell_ended(const char *name, uint64_t number);
void mock_tell_progress(const char *name);

/* Has the daemon's thread call something after so many milliseconds. */
void mock_later(unsigned msec, void (*function)(void));

/* "list --json", split at its spaces; the exit code. What it has written is kept. */
int mock_call(const char *line);
extern char *mock_out, *mock_err;
