/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "libkftp.h"
#include "options.h"
#include "progress.h"

/*
 * What all verbs that talk to servers have in common: arguments, signals, log-ins, what is shown meanwhile, and
 * the client that does the work.
 */
typedef struct Run {
        Arguments arguments;
        const char *verb;
        KftpOptions options;            /* what the arguments, the environment and the login make of them */
        KftpClient *client;             /* NULL: the verb has clients of its own */
        Progress progress;              /* begun and ended by the verb; shown only if it was begun as shown */
        bool tty;                       /* stderr is one */
        char *password;                 /* from a file of its own, or asked for */
        KftpLogin netrc;                /* or from there */
        char *login;                    /* "user@host:port" that they are for */
        char *refused;                  /* the last such one that the server did not let in */
        KftpProxy *proxy;               /* the one there is, whether or not the host is reached through it */
        /* Makes room for a line on stderr and may begin it; NULL: the progress is taken off the screen. */
        void (*begin_line)(struct Run *run);
} Run;

/* Takes the arguments. 0, or an exit code after a message. Run.arguments holds even if nothing else was done. */
int run_parse(Run *run, unsigned verb, int argc, char **argv);

/* Installs the signal handlers and makes the options; and the client, too. 0, or an exit code after a message. */
int run_prepare(Run *run);
int run_begin(Run *run);
void run_end(Run *run);

/*
 * Parses a URL of the arguments, and looks whether what the options say of TLS goes together with it. 0, or an exit
 * code after a message; free with kftp_url_done.
 */
int run_parse_url(const Run *run, const char *text, KftpUrl *ret);

/* The same of the first n words; urls are zeroed before. */
int run_parse_urls(const Run *run, unsigned n, KftpUrl *urls);
void run_free_urls(KftpUrl *urls, unsigned n);

/*
 * Finds the password for url's server, asks for it if need be, and the proxy through which the server is reached, and
 * tells the options, and the client if there is one. 0, or -errno with *f; so for a login, too, that was refused before.
 */
int run_log_in(Run *run, const KftpUrl *url, KftpFailure *f);

/* Remembers the login that run_log_in was called for last, if that was what the server refused. */
void run_note_refusal(Run *run, const KftpResult *result);

/* Whether to show a line about what went well. */
bool run_is_chatty(const Run *run);

/* "* data connection: ...", if the dialogue is shown. */
void run_show_data_connection(const Run *run, const KftpResult *result);

/* "kftp: TEXT (2 attempts)TAIL" on stderr; tail may be NULL. Returns the failure's class, the exit code. */
int run_show_failure(const Run *run, const KftpFailure *f, unsigned attempts, const char *tail);
