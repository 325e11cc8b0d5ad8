// SPDX-License-Identifier: GPL-2.0-or-later
/* The options of the command's verbs, taken and checked. Prints nothing. */

#include <getopt.h>
#include <math.h>
#include <net/if.h>
#include <stdarg.h>

#include "options.h"
#include "util.h"

#define TIMEOUT_MAX_SEC 86400
#define RETRIES_MAX 1000000

static _printf_(2, 3) int complain(char **error, const char *format, ...) {
        va_list ap;

        va_start(ap, format);
        if (vasprintf(error, format, ap) < 0)
                *error = NULL;
        va_end(ap);
        return -EINVAL;
}

static int parse_timeout(const char *text, uint64_t *ret, char **error) {
        char *end;
        double seconds;

        seconds = strtod(text, &end);
        if (end == text || *end || !isfinite(seconds) || seconds < 0.001 || seconds > TIMEOUT_MAX_SEC)
                return complain(error, "--timeout=%s: not a number of seconds between 0.001 and %d", text, TIMEOUT_MAX_SEC);
        *ret = (uint64_t) (seconds * (double) USEC_PER_SEC);
        return 0;
}

static int parse_retries(const char *text, unsigned *ret, char **error) {
        unsigned long n;
        char *end;

        errno = 0;
        n = strtoul(text, &end, 10);
        if (*text < '0' || *text > '9' || *end || errno != 0 || n > RETRIES_MAX)
                return complain(error, "--retries=%s: not a number between 0 and %d", text, RETRIES_MAX);
        *ret = (unsigned) n;
        return 0;
}

static int parse_source(const char *text, struct kftp_addr *ret, char **error) {
        if (kftp_address_parse(text, ret) < 0)
                return complain(error, "--source=%s: not an IPv4 or IPv6 address", text);
        return 0;
}

static int parse_interface(const char *text, unsigned *ret, char **error) {
        *ret = if_nametoindex(text);
        return *ret == 0 ? complain(error, "--interface=%s: there is no such network interface", text) : 0;
}

static int parse_user(const char *text, const char **ret, char **error) {
        if (!*text || strlen(text) > KFTP_MAX_CREDENTIAL)
                return complain(error, "--user: not between 1 and %d bytes", KFTP_MAX_CREDENTIAL);
        for (const char *p = text; *p; p++)
                if ((unsigned char) *p < 0x20 || *p == 0x7f)
                        return complain(error, "--user: contains a control character, which FTP cannot carry");
        *ret = text;
        return 0;
}

enum {
        ARG_ACTIVE = 0x100,
        ARG_SOURCE,
        ARG_INTERFACE,
        ARG_USER,
        ARG_PASSWORD_FILE,
        ARG_TIMEOUT,
        ARG_RETRIES,
        ARG_JSON,
        ARG_NO_PROGRESS,
};

static const struct option get_options[] = {
        { "resume",        no_argument,       NULL, 'c'               },
        { "active",        no_argument,       NULL, ARG_ACTIVE        },
        { "source",        required_argument, NULL, ARG_SOURCE        },
        { "interface",     required_argument, NULL, ARG_INTERFACE     },
        { "user",          required_argument, NULL, ARG_USER          },
        { "password-file", required_argument, NULL, ARG_PASSWORD_FILE },
        { "timeout",       required_argument, NULL, ARG_TIMEOUT       },
        { "retries",       required_argument, NULL, ARG_RETRIES       },
        { "json",          no_argument,       NULL, ARG_JSON          },
        { "no-progress",   no_argument,       NULL, ARG_NO_PROGRESS   },
        { "verbose",       no_argument,       NULL, 'v'               },
        { "quiet",         no_argument,       NULL, 'q'               },
        {}
};

static int take_option(int option, GetArguments *a, char **error) {
        switch (option) {
        case 'c':
                a->resume = true;
                return 0;
        case ARG_ACTIVE:
                a->data_mode = KFTP_DATA_ACTIVE;
                return 0;
        case ARG_SOURCE:
                return parse_source(optarg, &a->source, error);
        case ARG_INTERFACE:
                return parse_interface(optarg, &a->ifindex, error);
        case ARG_USER:
                return parse_user(optarg, &a->user, error);
        case ARG_PASSWORD_FILE:
                a->password_file = optarg;
                return 0;
        case ARG_TIMEOUT:
                return parse_timeout(optarg, &a->timeout_usec, error);
        case ARG_RETRIES:
                return parse_retries(optarg, &a->retries, error);
        case ARG_JSON:
                a->json = true;
                return 0;
        case ARG_NO_PROGRESS:
                a->no_progress = true;
                return 0;
        case 'v':
                a->verbose = true;
                return 0;
        default: /* 'q' */
                a->quiet = true;
                return 0;
        }
}

/* What getopt did not like: a short option has optopt, a long one stands in argv. */
static int bad_option(int argc, char **argv, bool missing, char **error) {
        const char *word = optind > 0 && optind <= argc ? argv[optind - 1] : "";

        if (missing)
                return complain(error, "the option %s needs a value", word);
        if (optopt > 0 && optopt < 0x80)
                return complain(error, "unknown option -%c", optopt);
        if (optopt >= ARG_ACTIVE)
                return complain(error, "the option %s takes no value", word);
        return complain(error, "unknown option %s", word);
}

int get_arguments_parse(int argc, char **argv, GetArguments *ret, char **error) {
        GetArguments a = { .retries = KFTP_RETRIES_DEFAULT };
        int option, r;

        *error = NULL;
        opterr = 0;
        optind = 0;
        while ((option = getopt_long(argc, argv, ":cvq", get_options, NULL)) >= 0) {
                if (option == '?' || option == ':')
                        return bad_option(argc, argv, option == ':', error);
                r = take_option(option, &a, error);
                if (r < 0)
                        return r;
        }
        if (optind >= argc)
                return complain(error, "the URL is missing");
        if (argc - optind > 2)
                return complain(error, "too many arguments: '%s'; one URL, and at most one DEST", argv[optind + 2]);
        a.url = argv[optind];
        a.dest = argv[optind + 1];      /* argv ends with NULL */
        if (a.dest && !*a.dest)
                return complain(error, "DEST is empty");
        *ret = a;
        return 0;
}
