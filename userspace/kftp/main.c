// SPDX-License-Identifier: GPL-2.0-or-later
/* The command kftp: finds the verb. */

#include <fcntl.h>
#include <limits.h>
#include <locale.h>
#include <signal.h>

#include "kftp-version.h"
#include "libkftp.h"
#include "options.h"
#include "util.h"
#include "verbs.h"

typedef enum Group { GROUP_TRANSFERS, GROUP_FILES, GROUP_JOBS, GROUP_MACHINE, GROUPS } Group;

static const char *const groups[GROUPS] = {
        [GROUP_TRANSFERS] = "Transfers",
        [GROUP_FILES] = "Files on a server",
        [GROUP_JOBS] = "Jobs of the daemon, kftpd(8)",
        [GROUP_MACHINE] = "This machine",
};

typedef struct Verb {
        const char *name;
        Group group;
        unsigned options;               /* VERB_*; 0: it takes none of the table's */
        const char *arguments;
        const char *summary;
        int (*run)(int argc, char **argv);
} Verb;

static const Verb verbs[] = {
        { "get",     GROUP_TRANSFERS, VERB_GET,     "URL... [DEST]", "Fetch files; DEST is a file or a directory",         verb_get     },
        { "put",     GROUP_TRANSFERS, VERB_PUT,     "FILE... URL",   "Send files; - is the standard input",                verb_put     },
        { "cat",     GROUP_TRANSFERS, VERB_CAT,     "URL...",        "Write files to the standard output",                 verb_cat     },
        { "mirror",  GROUP_TRANSFERS, VERB_MIRROR,  "SRC DST",       "Make the directory DST like SRC; one of them is a URL", verb_mirror },
        { "ls",      GROUP_FILES,     VERB_LS,      "URL",           "List a directory, or show one file",                 verb_ls      },
        { "rm",      GROUP_FILES,     VERB_RM,      "URL...",        "Remove files",                                       verb_rm      },
        { "mkdir",   GROUP_FILES,     VERB_MKDIR,   "URL...",        "Make directories",                                   verb_mkdir   },
        { "mv",      GROUP_FILES,     VERB_MV,      "URL NEWNAME",   "Rename; NEWNAME is a name beside it, or a path",     verb_mv      },
        { "quote",   GROUP_FILES,     VERB_QUOTE,   "URL COMMAND",   "Send one command and show the reply",                verb_quote   },
        { "list",    GROUP_JOBS,      VERB_LIST,    "[PATTERN...]",  "List the jobs, or those like PATTERN",               verb_list    },
        { "status",  GROUP_JOBS,      VERB_STATUS,  "[NAME...]",     "Show how jobs are, or the daemon",                   verb_status  },
        { "show",    GROUP_JOBS,      VERB_SHOW,    "NAME...",       "Show what a job's files come to",                    verb_show    },
        { "run",     GROUP_JOBS,      VERB_RUN,     "NAME...",       "Run jobs now",                                       verb_run     },
        { "cancel",  GROUP_JOBS,      VERB_CANCEL,  "NAME...",       "End the runs of jobs that are under way, or waiting", verb_cancel },
        { "retry",   GROUP_JOBS,      VERB_RETRY,   "NAME...",       "Try again at once what has failed",                  verb_retry   },
        { "watch",   GROUP_JOBS,      VERB_WATCH,   "[NAME...]",     "Follow what the jobs do",                            verb_watch   },
        { "history", GROUP_JOBS,      VERB_HISTORY, "[NAME...]",     "List the runs there were, from the journal",         verb_history },
        { "reload",  GROUP_JOBS,      VERB_RELOAD,  "",              "Read all job files again",                           verb_reload  },
        { "verify",  GROUP_JOBS,      VERB_VERIFY,  "[FILE|NAME...]", "Find what is wrong in job files",                  verb_verify  },
        { "doctor",  GROUP_MACHINE,   0,            "",              "Find out why kftp cannot work here, and what to do", verb_doctor  },
};

static int flush_help(void) {
        return ferror(stdout) || fflush(stdout) != 0 ? KFTP_CLASS_LOCAL : 0;
}

/* "Options of get, put:" and what is common to just these. */
static void show_options_of(unsigned set) {
        const char *separator = "";

        printf("\nOptions of ");
        for (size_t i = 0; set != VERB_ALL && i < ELEMENTS(verbs); i++)
                if (verbs[i].options & set) {
                        printf("%s%s", separator, verbs[i].name);
                        separator = ", ";
                }
        printf("%s:\n", set == VERB_ALL ? "transfers and files on a server" : "");
        options_help(stdout, set, true);
}

static void show_verbs(Group group) {
        printf("\n%s:\n", groups[group]);
        for (size_t i = 0; i < ELEMENTS(verbs); i++)
                if (verbs[i].group == group)
                        printf("  %-7s %-14s %s\n", verbs[i].name, verbs[i].arguments, verbs[i].summary);
}

static int show_help(void) {
        printf("kftp COMMAND [OPTION...] ARGUMENT...\n"
               "\n"
               "Transfers files over FTP through the kernel module kftp.\n");
        for (Group group = 0; group < GROUPS; group++)
                show_verbs(group);
        /* those of transfers first */
        for (unsigned set = options_next_set(VERB_ALL + 1); set > 0; set = options_next_set(set))
                show_options_of(set);
        for (unsigned set = options_next_set(UINT_MAX); set > VERB_ALL; set = options_next_set(set))
                show_options_of(set);
        printf("\n"
               "      --help                  This text; after a command, its options only\n"
               "      --version               The version\n"
               "\n"
               "A URL is ftp://[USER@]HOST[:PORT]/PATH, PATH relative to the login directory; or ftps://, with TLS.\n"
               "kftp(1) has the details and the exit codes.\n");
        return flush_help();
}

static int show_help_of(const Verb *v) {
        printf("kftp %s%s %s\n\n%s.\n", v->name, v->options ? " [OPTION...]" : "", v->arguments, v->summary);
        if (v->options) {
                printf("\n");
                options_help(stdout, v->options, false);
        }
        printf("\nkftp(1) has the details and the exit codes.\n");
        return flush_help();
}

static int show_version(void) {
        return printf("kftp %s\n", KFTP_VERSION) < 0 || fflush(stdout) != 0 ? KFTP_CLASS_LOCAL : 0;
}

static bool asks_for_help(int argc, char **argv) {
        for (int i = 1; i < argc && !streq(argv[i], "--"); i++)
                if (streq(argv[i], "--help"))
                        return true;
        return false;
}

/*
 * Opens those of the first three descriptors that the caller closed: else the file that is downloaded into
 * would get one of these numbers, and our messages. The other way round than they are used, so that
 * writing a result to nowhere is still an error.
 */
static int open_standard_files(void) {
        for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
                if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY) != fd)
                        return -EBADF;
        return 0;
}

int main(int argc, char **argv) {
        const char *word = argc > 1 ? argv[1] : NULL;

        if (open_standard_files() < 0)
                return KFTP_CLASS_OTHER;
        /* Tells getaddrinfo how host names of other letters than ASCII's are written. */
        (void) setlocale(LC_CTYPE, "");
        /* Beyond the limit on file sizes, writing is to fail with EFBIG, not to kill. */
        (void) signal(SIGXFSZ, SIG_IGN);

        if (!word)
                return usage_error("the command is missing");
        if (streq(word, "--version"))
                return show_version();
        if (streq(word, "--help") || streq(word, "-h") || streq(word, "help"))
                return show_help();
        for (size_t i = 0; i < ELEMENTS(verbs); i++)
                if (streq(word, verbs[i].name))
                        return asks_for_help(argc - 1, argv + 1) ? show_help_of(&verbs[i]) : verbs[i].run(argc - 1, argv + 1);
        return usage_error(word[0] == '-' ? "unknown option %s; options stand after the command" : "unknown command '%s'", word);
}
