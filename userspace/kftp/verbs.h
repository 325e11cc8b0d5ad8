/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* The verbs of the command: argv[0] is the verb; they return the exit code. */
int verb_get(int argc, char **argv);
int verb_put(int argc, char **argv);
int verb_cat(int argc, char **argv);
int verb_ls(int argc, char **argv);
int verb_rm(int argc, char **argv);
int verb_mkdir(int argc, char **argv);
int verb_mv(int argc, char **argv);
int verb_mirror(int argc, char **argv);
int verb_quote(int argc, char **argv);
int verb_list(int argc, char **argv);
int verb_status(int argc, char **argv);
int verb_show(int argc, char **argv);
int verb_run(int argc, char **argv);
int verb_cancel(int argc, char **argv);
int verb_retry(int argc, char **argv);
int verb_watch(int argc, char **argv);
int verb_history(int argc, char **argv);
int verb_reload(int argc, char **argv);
int verb_verify(int argc, char **argv);
int verb_doctor(int argc, char **argv);

/* "kftp: TEXT", and where to read on; returns KFTP_CLASS_USAGE. */
int usage_error(const char *format, ...) __attribute__((format(printf, 1, 2)));
