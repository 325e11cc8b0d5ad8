// SPDX-License-Identifier: GPL-2.0-or-later
/* The command kftp: finds the verb. */

#include <fcntl.h>
#include <locale.h>
#include <signal.h>
#include <stdarg.h>

#include "kftp-version.h"
#include "verbs.h"
#include "libkftp.h"
#include "util.h"

static const char help[] =
        "kftp COMMAND [OPTION...] ARGUMENT...\n"
        "\n"
        "Transfers files over FTP through the kernel module kftp.\n"
        "\n"
        "Commands:\n"
        "  get URL [DEST]           Fetch a file; DEST is a file or a directory\n"
        "  doctor                   Find out why kftp cannot work here, and what to do\n"
        "\n"
        "Options of get:\n"
        "  -c --resume              Go on from a partial file, if the remote one is still the same\n"
        "     --user=USER           Log in as USER; without it as the URL says, else anonymously\n"
        "     --password-file=FILE  Take the password from the first line of FILE\n"
        "     --active              Active data connections: the server connects to us\n"
        "     --source=ADDRESS      Connect from this local address\n"
        "     --interface=NAME      Connect through this network interface\n"
        "     --timeout=SECONDS     How long each wait may last, not the transfer (default 60)\n"
        "     --retries=N           Further attempts after a failure that may pass (default 3)\n"
        "     --json                Describe the result as a JSON object\n"
        "  -v --verbose             Show the dialogue with the server\n"
        "  -q --quiet               Show errors only\n"
        "     --no-progress         Show no progress\n"
        "\n"
        "  --help                   This text\n"
        "  --version                The version\n"
        "\n"
        "A URL is ftp://[USER@]HOST[:PORT]/PATH, PATH relative to the login directory.\n"
        "kftp(1) has the details and the exit codes.\n";

int usage_error(const char *format, ...) {
        _cleanup_free_ char *text = NULL, *escaped = NULL;
        va_list ap;

        va_start(ap, format);
        if (vasprintf(&text, format, ap) < 0)
                text = NULL;
        va_end(ap);
        escaped = text ? kftp_escape(text, strlen(text)) : NULL;
        fprintf(stderr, "kftp: %s (see kftp --help)\n", strempty(escaped));
        return KFTP_CLASS_USAGE;
}

static int show_help(void) {
        return fputs(help, stdout) < 0 || fflush(stdout) != 0 ? KFTP_CLASS_LOCAL : 0;
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
        static const struct {
                const char *name;
                int (*run)(int argc, char **argv);
        } verbs[] = {
                { "get",    verb_get    },
                { "doctor", verb_doctor },
        };
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
                        return asks_for_help(argc - 1, argv + 1) ? show_help() : verbs[i].run(argc - 1, argv + 1);
        return usage_error(word[0] == '-' ? "unknown option %s; options stand after the command" : "unknown command '%s'", word);
}
