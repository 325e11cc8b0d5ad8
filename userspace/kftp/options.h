/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "libkftp.h"

/* The verbs that have options. An option belongs to a set of them. */
enum {
        VERB_GET   = 1 << 0,
        VERB_PUT   = 1 << 1,
        VERB_LS    = 1 << 2,
        VERB_CAT   = 1 << 3,
        VERB_RM    = 1 << 4,
        VERB_MKDIR = 1 << 5,
        VERB_MV    = 1 << 6,
        VERB_QUOTE = 1 << 7,
        VERB_MIRROR = 1 << 8,
        VERB_ALL   = (1 << 9) - 1,      /* that talk to a server */

        VERB_LIST  = 1 << 9,
        VERB_STATUS = 1 << 10,
        VERB_SHOW  = 1 << 11,
        VERB_RUN   = 1 << 12,
        VERB_CANCEL = 1 << 13,
        VERB_RETRY = 1 << 14,
        VERB_WATCH = 1 << 15,
        VERB_HISTORY = 1 << 16,
        VERB_RELOAD = 1 << 17,
        VERB_VERIFY = 1 << 18,
};

typedef struct OptionalMode {
        bool given;
        unsigned mode;
} OptionalMode;

typedef struct OptionalLines {
        bool given;
        unsigned n;
} OptionalLines;

/* --tls; not given: as the URL says. */
typedef struct OptionalTls {
        bool given;
        enum kftp_tls_mode mode;
} OptionalTls;

/* What stands behind a verb, checked. Strings are argv's. */
typedef struct Arguments {
        char **words;                   /* those that are no options, in order; ends with NULL */
        unsigned n_words;

        /* all verbs that talk to a server */
        bool verbose;
        bool quiet;
        bool no_pipelining;             /* means nothing */
        enum kftp_data_mode data_mode;
        struct kftp_addr source;        /* family 0: none given */
        unsigned ifindex;
        const char *user;
        const char *password_file;
        const char *netrc;              /* NULL: the usual one; "": none */
        const char *proxy;              /* NULL: the environment's; "": none */
        const char *proxy_password_file;
        uint64_t timeout_usec;          /* 0: default */
        unsigned retries;
        uint64_t limit_rate;            /* 0: none */
        OptionalTls tls_mode;
        KftpTlsOptions tls;             /* the rest of it */

        /* get, put, cat, mirror */
        KftpPart part;
        unsigned verify;                /* KFTP_VERIFY_* */

        /* get, mirror */
        unsigned segments;              /* 0: not given */
        uint64_t segment_size;          /* 0: default */

        /* get, put, ... */
        bool resume;
        bool json;
        bool no_progress;

        /* put */
        bool in_place;
        bool append;
        bool unique;
        bool mtime;
        OptionalMode mode;

        /* ls */
        bool long_form;
        bool names;
        bool all;
        bool stat;

        /* rm */
        bool directory;
        bool force;

        /* mkdir */
        bool parents;

        /* mirror */
        KftpMirrorOptions mirror;       /* without what is said by the arguments that are no options */
        KftpFilter *filter;             /* NULL: none */

        /* those about jobs; json, no_progress and quiet are above */
        bool no_legend;
        bool no_pager;
        unsigned width;                 /* of tables; 0: the terminal's, or no limit */
        bool wait;                      /* for the run's end */
        bool calendar;                  /* it is what has asked for the run */
        bool again;                     /* what is delivered already, too */
        OptionalLines lines;
        uint64_t since_usec;            /* of the realtime clock; 0: not given */
        uint64_t until_usec;
        const char *result;             /* NULL: any */
        const char *journal_directory;  /* instead of this machine's journal */
        const char *journal_file;
        bool strict;                    /* warnings are errors */
        const char *config_directories; /* of job files; NULL: those of the daemon */
} Arguments;

/* argv[0] is the verb. -EINVAL: *error gets an allocated sentence. To be freed otherwise. */
int arguments_parse(int argc, char **argv, unsigned verb, Arguments *ret, char **error);

void arguments_done(Arguments *a);

/* For a parser of its own: stores the sentence and returns -EINVAL. */
int option_complain(char **error, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The first of the options that are about TLS and not --tls itself, "--ca" for example; NULL: there is none. */
const char *arguments_find_tls_option(const Arguments *a);

/* Writes a line for each option that these verbs, and no others, have in common; or, exact false, for each of any. */
void options_help(FILE *f, unsigned verbs, bool exact);

/* The sets of verbs that have options in common, one after the other: the next one below; 0: there is none. */
unsigned options_next_set(unsigned below);

/* Whether what is said of segments goes together. -EINVAL with *error. */
int arguments_check_segments(const Arguments *a, char **error);

/* Whether a word is to be taken as a URL rather than a file's name. */
bool is_url(const char *word);
