// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The options of the command's verbs: one table, from which they are taken and their help is written. How a
 * value is checked is in option-values.c.
 */

#include <getopt.h>
#include <stdarg.h>

#include "option-values.h"
#include "options.h"
#include "util.h"

/*
 * take stores what it makes of text, the option's value or NULL if it takes none, at where, the member of
 * struct Arguments; or adds it there, if the option may be given again and again. -EINVAL with *error set.
 */
typedef struct Option {
        const char *name;
        char letter;                    /* 0: none */
        const char *value;              /* its name in the help; NULL: takes none */
        unsigned verbs;
        int (*take)(const char *name, const char *text, void *where, char **error);
        size_t offset;
        const char *help;               /* lines after the first one are indented like it */
} Option;

#define TRANSFERS (VERB_GET | VERB_PUT)
#define MANY_TRANSFERS (TRANSFERS | VERB_MIRROR)
#define JOB_TABLES (VERB_LIST | VERB_HISTORY)
#define JOB_ACTIONS (VERB_RUN | VERB_CANCEL | VERB_RETRY | VERB_RELOAD)
#define JOB_RESULTS (JOB_TABLES | VERB_STATUS | VERB_RUN | VERB_WATCH)
#define AT(member) offsetof(Arguments, member)

static const Option options[] = {
        { "user",          0,   "USER",    VERB_ALL,            option_user,      AT(user),
          "Log in as USER; without it as the URL says, else anonymously" },
        { "password-file", 0,   "FILE",    VERB_ALL,            option_text,      AT(password_file),
          "Take the password from the first line of FILE" },
        { "netrc",         0,   "FILE",    VERB_ALL,            option_text,      AT(netrc),
          "Look passwords up there instead of in ~/.netrc; empty: nowhere" },
        { "proxy",         0,   "URL",     VERB_ALL,            option_text,      AT(proxy),
          "Go through http://[USER@]HOST:PORT (CONNECT) or socks5://...; empty: none" },
        { "proxy-password-file", 0, "FILE", VERB_ALL,           option_text,      AT(proxy_password_file),
          "Take the proxy's password from the first line of FILE" },
        { "active",        0,   NULL,      VERB_ALL,            option_active,    AT(data_mode),
          "Active data connections: the server connects to us" },
        { "source",        0,   "ADDRESS", VERB_ALL,            option_source,    AT(source),
          "Connect from this local address" },
        { "interface",     0,   "NAME",    VERB_ALL,            option_interface, AT(ifindex),
          "Connect through this network interface" },
        { "timeout",       0,   "SECONDS", VERB_ALL,            option_timeout,   AT(timeout_usec),
          "How long each wait may last, not the transfer (default 60)" },
        { "retries",       0,   "N",       VERB_ALL,            option_retries,   AT(retries),
          "Further attempts after a failure that may pass (default 3)" },
        { "limit-rate",    0,   "RATE",    VERB_ALL,            option_rate,      AT(limit_rate),
          "Move at most RATE bytes per second; K, M and G stand for powers of 1024" },
        { "tls",           0,   "MODE",    VERB_ALL,            option_tls,       AT(tls_mode),
          "Encrypt: no, auto (if the server can), require or implicit; ftps:// is implicit" },
        { "ca",            0,   "FILE",    VERB_ALL,            option_text,      AT(tls.ca_file),
          "Trust the certificates in FILE instead of the system's" },
        { "cert",          0,   "FILE",    VERB_ALL,            option_text,      AT(tls.certificate_file),
          "Show the server this certificate of ours" },
        { "key",           0,   "FILE",    VERB_ALL,            option_text,      AT(tls.key_file),
          "The key of that certificate, if it is not in the same file" },
        { "pin",           0,   "PIN",     VERB_ALL,            option_pin,       AT(tls.pin),
          "The server's key has to be this one: sha256//BASE64, or several with ; between" },
        { "tls-min",       0,   "VERSION", VERB_ALL,            option_tls_min,   AT(tls.min_version),
          "At least this version of TLS: 1.2 (the default) or 1.3" },
        { "insecure",      0,   NULL,      VERB_ALL,            option_flag,      AT(tls.insecure),
          "Trust whatever certificate the server has: no protection from who sits between" },
        { "no-pipelining", 0,   NULL,      VERB_ALL,            option_flag,      AT(no_pipelining),
          "Send each command after the reply to the one before, as always" },
        { "verbose",       'v', NULL,      VERB_ALL,            option_flag,      AT(verbose),
          "Show the dialogue with the server" },
        { "quiet",         'q', NULL,      VERB_ALL,            option_flag,      AT(quiet),
          "Show errors only" },

        { "resume",        'c', NULL,      MANY_TRANSFERS,      option_flag,      AT(resume),
          "Go on from a partial file, if the source is still the same" },
        { "range",         0,   "RANGE",   VERB_GET | VERB_CAT, option_range,     AT(part.range),
          "Only these bytes: FROM-TO (both included, from 0), FROM- or -LAST" },
        { "text",          0,   NULL,      TRANSFERS | VERB_CAT, option_flag,    AT(part.text),
          "Translate the ends of lines: CR LF there, LF here" },
        { "verify",        0,   "WHAT",    MANY_TRANSFERS | VERB_CAT, option_verify,  AT(verify),
          "Compare with the server: size, mtime, hash, or several of them with commas" },
        { "json",          0,   NULL,      MANY_TRANSFERS | VERB_LS, option_flag, AT(json),
          "Describe the result as JSON" },
        { "no-progress",   0,   NULL,      MANY_TRANSFERS,      option_flag,      AT(no_progress),
          "Show no progress" },

        { "long",          'l', NULL,      VERB_LS,             option_flag,      AT(long_form),
          "Type, permissions, size and time (the default)" },
        { "names",         '1', NULL,      VERB_LS,             option_flag,      AT(names),
          "Names only, one a line" },
        { "all",           'a', NULL,      VERB_LS,             option_flag,      AT(all),
          "Also what the server hides otherwise (LIST -a)" },
        { "stat",          0,   NULL,      VERB_LS,             option_flag,      AT(stat),
          "List over the control connection, without a data connection" },
        { "dir",           'd', NULL,      VERB_RM,             option_flag,      AT(directory),
          "Remove an empty directory" },
        { "force",         'f', NULL,      VERB_RM,             option_flag,      AT(force),
          "What is not there needs not be removed" },
        { "parents",       'p', NULL,      VERB_MKDIR,          option_flag,      AT(parents),
          "Make missing parents too; what is there already is fine" },

        { "in-place",      0,   NULL,      VERB_PUT,            option_flag,      AT(in_place),
          "Store under the final name at once, not under a temporary one" },
        { "no-temp",       0,   NULL,      VERB_PUT,            option_flag,      AT(in_place),
          "The same as --in-place" },
        { "append",        0,   NULL,      VERB_PUT,            option_flag,      AT(append),
          "Append to the remote file" },
        { "unique",        0,   NULL,      VERB_PUT,            option_flag,      AT(unique),
          "Let the server choose a new name in the directory URL" },
        { "mtime",         0,   NULL,      VERB_PUT,            option_flag,      AT(mtime),
          "Give the remote file the modification time of FILE" },
        { "mode",          0,   "MODE",    VERB_PUT,            option_mode,      AT(mode),
          "Give the remote file this mode, in octal" },

        { "dry-run",       'n', NULL,      VERB_MIRROR,         option_flag,      AT(mirror.dry_run),
          "Show what would be done, and do nothing" },
        { "delete",        0,   NULL,      VERB_MIRROR,         option_flag,      AT(mirror.delete),
          "Remove from DST what SRC does not have" },
        { "newer",         0,   NULL,      VERB_MIRROR,         option_flag,      AT(mirror.newer),
          "Transfer only what is newer than in DST, or not there" },
        { "move",          0,   NULL,      VERB_MIRROR,         option_flag,      AT(mirror.move),
          "Remove files from SRC once they are in DST" },
        { "compare",       0,   "WHAT",    VERB_MIRROR,         option_compare,   AT(mirror.compare),
          "What tells that files are the same: time (the default), size or hash; the size always does" },
        { "include",       0,   "GLOB",    VERB_MIRROR,         option_pattern,   AT(filter),
          "Files like this only; this and the next three may be given several times" },
        { "exclude",       0,   "GLOB",    VERB_MIRROR,         option_pattern,   AT(filter),
          "No files like this; with a slash at its end: no such directories" },
        { "include-regex", 0,   "REGEX",   VERB_MIRROR,         option_pattern,   AT(filter),
          "As --include, with an extended regular expression for the path" },
        { "exclude-regex", 0,   "REGEX",   VERB_MIRROR,         option_pattern,   AT(filter),
          "As --exclude, with an extended regular expression for the path" },
        { "min-size",      0,   "SIZE",    VERB_MIRROR,         option_size,      AT(mirror.min_size),
          "No smaller files; K, M and G stand for powers of 1024" },
        { "max-size",      0,   "SIZE",    VERB_MIRROR,         option_size_above_0, AT(mirror.max_size),
          "No larger files" },
        { "min-age",       0,   "AGE",     VERB_MIRROR,         option_age,       AT(mirror.min_age),
          "Only files that were not changed for so long: 30s, 5min, 2h, 7d" },
        { "max-age",       0,   "AGE",     VERB_MIRROR,         option_age_above_0, AT(mirror.max_age),
          "Only files that were changed since then" },
        { "max-depth",     0,   "N",       VERB_MIRROR,         option_depth,     AT(mirror.max_depth),
          "Go N directories deep: 1 is SRC alone" },
        { "symlinks",      0,   "WHAT",    VERB_MIRROR,         option_symlinks,  AT(mirror.symlinks),
          "skip, follow or copy symbolic links (copy; follow when sending)" },
        { "permissions",   'p', NULL,      VERB_MIRROR,         option_flag,      AT(mirror.permissions),
          "Give files and directories in DST the permissions they have in SRC" },
        { "no-times",      0,   NULL,      VERB_MIRROR,         option_flag,      AT(mirror.no_times),
          "Do not give files in DST the times they have in SRC" },
        { "parallel",      'P', "N",       VERB_MIRROR,         option_parallel,  AT(mirror.parallel),
          "Transfer so many files at a time, each over a session (default 4)" },
        { "segments",      0,   "N",       VERB_GET | VERB_MIRROR, option_parallel, AT(segments),
          "Fetch a large file in parts over so many sessions at a time" },
        { "segment-size",  0,   "SIZE",    VERB_GET | VERB_MIRROR, option_size_above_0, AT(segment_size),
          "The size of such parts (default 16M); a file of two of them is large" },
        { "shard",         0,   "I/N",     VERB_MIRROR,         option_shard,     AT(mirror),
          "Only part I of N (from 0) of the files, to share them among machines" },

        { "json",          0,   NULL,      JOB_RESULTS,         option_flag,      AT(json),
          "Write JSON" },
        { "no-legend",     0,   NULL,      JOB_TABLES,          option_flag,      AT(no_legend),
          "Neither a line of titles nor a summary" },
        { "width",         0,   "COLUMNS", JOB_TABLES | VERB_STATUS, option_width, AT(width),
          "Fit the table into so many columns, instead of the terminal's" },
        { "no-pager",      0,   NULL,      JOB_TABLES | VERB_STATUS | VERB_SHOW, option_flag, AT(no_pager),
          "Do not use a pager for what is longer than the terminal" },
        { "lines",         'n', "N",       VERB_STATUS | VERB_HISTORY, option_lines, AT(lines),
          "The last N runs only; of status: show N lines of the journal (10)" },
        { "strict",        0,   NULL,      VERB_VERIFY,         option_flag,      AT(strict),
          "Warnings are errors, too" },
        { "config-dir",    0,   "DIRS",    VERB_VERIFY,         option_text,      AT(config_directories),
          "Look for jobs there, instead of /etc/kftp.d:/run/kftp.d:/usr/lib/kftp.d" },
        { "wait",          0,   NULL,      VERB_RUN,            option_flag,      AT(wait),
          "Wait for the end of the runs; the exit code is their result" },
        { "again",         0,   NULL,      VERB_RUN,            option_flag,      AT(again),
          "Transfer also what was delivered before" },
        { "calendar",      0,   NULL,      VERB_RUN,            option_flag,      AT(calendar),
          "Say that the job's calendar is why: for kftp@.service" },
        { "no-progress",   0,   NULL,      VERB_RUN,            option_flag,      AT(no_progress),
          "Show no progress while waiting" },
        { "quiet",         'q', NULL,      JOB_ACTIONS | VERB_VERIFY, option_flag, AT(quiet),
          "Show errors only" },
        { "since",         0,   "TIME",    VERB_HISTORY,        option_time,      AT(since_usec),
          "Runs that ended since then: 2026-11-23, \"2026-11-23 06:00\", 06:00, today, -2h" },
        { "until",         0,   "TIME",    VERB_HISTORY,        option_time,      AT(until_usec),
          "Runs that ended until then" },
        { "result",        0,   "RESULT",  VERB_HISTORY,        option_result,    AT(result),
          "Runs that ended like this: done, failed or cancelled" },
        { "directory",     'D', "DIR",     VERB_HISTORY,        option_text,      AT(journal_directory),
          "Read the journal files in DIR, not those of this machine" },
        { "file",          0,   "FILE",    VERB_HISTORY,        option_text,      AT(journal_file),
          "Read this journal file" },
};

#define VALUE_BASE 0x100                /* getopt's values of options, by their index; above all letters */

int option_complain(char **error, const char *format, ...) {
        va_list ap;

        va_start(ap, format);
        if (vasprintf(error, format, ap) < 0)
                *error = NULL;
        va_end(ap);
        return -EINVAL;
}

/* The same table as getopt wants it. */
static void make_tables(unsigned verb, struct option *longs, char *letters) {
        size_t n = 0;

        *letters++ = ':';
        for (size_t i = 0; i < ELEMENTS(options); i++) {
                const Option *o = &options[i];

                if (!(o->verbs & verb))
                        continue;
                longs[n++] = (struct option) {
                        .name = o->name,
                        .has_arg = o->value ? required_argument : no_argument,
                        .val = VALUE_BASE + (int) i,
                };
                if (!o->letter)
                        continue;
                *letters++ = o->letter;
                if (o->value)
                        *letters++ = ':';
        }
        longs[n] = (struct option) {};
        *letters = '\0';
}

/* A letter may mean different things to different verbs. */
static const Option *find(unsigned verb, int value) {
        if (value >= VALUE_BASE)
                return &options[value - VALUE_BASE];
        for (size_t i = 0; i < ELEMENTS(options); i++)
                if (options[i].letter == value && (options[i].verbs & verb))
                        return &options[i];
        return NULL;
}

/* What getopt did not like: a short option has optopt, a long one stands in argv. */
static int bad_option(int argc, char **argv, bool missing, char **error) {
        const char *word = optind > 0 && optind <= argc ? argv[optind - 1] : "";

        if (missing)
                return option_complain(error, "the option %s needs a value", word);
        if (optopt > 0 && optopt < 0x80)
                return option_complain(error, "unknown option -%c", optopt);
        if (optopt >= VALUE_BASE)
                return option_complain(error, "the option %s takes no value", word);
        for (size_t i = 0; i < ELEMENTS(options); i++)
                if (startswith(word, "--") && strcspn(word + 2, "=") == strlen(options[i].name) && startswith(word + 2, options[i].name))
                        return option_complain(error, "%s has no option --%s", argv[0], options[i].name);
        return option_complain(error, "unknown option %s", word);
}

static int take_options(int argc, char **argv, unsigned verb, Arguments *a, char **error) {
        struct option longs[ELEMENTS(options) + 1];
        char letters[2 * ELEMENTS(options) + 2];
        int value, r;

        make_tables(verb, longs, letters);
        opterr = 0;
        optind = 0;
        while ((value = getopt_long(argc, argv, letters, longs, NULL)) >= 0) {
                const Option *o = find(verb, value);

                if (value == '?' || value == ':' || !o)
                        return bad_option(argc, argv, value == ':', error);
                r = o->take(o->name, optarg, (char *) a + o->offset, error);
                if (r < 0)
                        return r;
        }
        if (a->tls.key_file && !a->tls.certificate_file)
                return option_complain(error, "--key without --cert: the key is that of a certificate, which --cert=FILE names");
        return 0;
}

int arguments_parse(int argc, char **argv, unsigned verb, Arguments *ret, char **error) {
        Arguments a = { .retries = KFTP_RETRIES_DEFAULT };
        int r;

        *error = NULL;
        r = take_options(argc, argv, verb, &a, error);
        if (r < 0) {
                arguments_done(&a);
                return r;
        }
        a.words = argv + optind;        /* argv ends with NULL */
        a.n_words = (unsigned) (argc - optind);
        *ret = a;
        return 0;
}

void arguments_done(Arguments *a) {
        kftp_filter_free(a->filter);
        a->filter = NULL;
}

int arguments_check_segments(const Arguments *a, char **error) {
        if (a->segment_size > 0 && a->segments <= 1)
                return option_complain(error, "--segment-size without --segments: say over how many sessions a file is to be fetched");
        return 0;
}

const char *arguments_find_tls_option(const Arguments *a) {
        const KftpTlsOptions *tls = &a->tls;

        return tls->ca_file ? "--ca"
                : tls->certificate_file ? "--cert"
                : tls->pin ? "--pin"
                : tls->min_version != 0 ? "--tls-min"
                : tls->insecure ? "--insecure"
                : NULL;
}

static void write_help(FILE *f, const Option *o) {
        char letter[4] = "", name[40];

        if (o->letter)
                (void) snprintf(letter, sizeof(letter), "-%c", o->letter);
        (void) snprintf(name, sizeof(name), "--%s%s%s", o->name, o->value ? "=" : "", strempty(o->value));
        fprintf(f, "  %-2s %-21s %s\n", letter, name, o->help);
}

void options_help(FILE *f, unsigned verbs, bool exact) {
        for (size_t i = 0; i < ELEMENTS(options); i++)
                if (exact ? options[i].verbs == verbs : (options[i].verbs & verbs) != 0)
                        write_help(f, &options[i]);
}

unsigned options_next_set(unsigned below) {
        unsigned next = 0;

        for (size_t i = 0; i < ELEMENTS(options); i++)
                if (options[i].verbs < below)
                        next = MAX2(next, options[i].verbs);
        return next;
}

bool is_url(const char *word) {
        return strstr(word, "://") != NULL;
}
