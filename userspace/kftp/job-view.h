/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* How the states and results of jobs are shown, wherever they are. */

#include "job-info.h"
#include "libkftp.h"

/* NULL: none. */
const char *view_state_colour(const char *state);
const char *view_result_colour(const char *result);

/* The class that a word of kftp_class_name stands for; KFTP_CLASS_OTHER for any other word. */
enum kftp_class view_class(const char *word);

/* When the job runs next: its timer, or the next attempt. 0: nobody knows. */
uint64_t view_next(const JobInfo *job);

/* What is wrong with it, or why it waits; NULL: nothing. */
const char *view_problem(const JobInfo *job);

/* What an operator does about it. Allocated; NULL: nothing, or no memory. */
char *view_advice(const JobInfo *job);

/* "14 files, 1.2 GiB in 1min 20s". Allocated; NULL: no memory. */
char *view_amount(uint64_t files, uint64_t bytes, uint64_t usec);
