// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What the generator writes for systemd, which reads it as root. An input that begins with a zero is the values of a job, one behind
 * the other, as no parser would let them through; any other is a job file, of which the generator has to take what the parser takes.
 * Whatever they are: only the lines that belong there come of it, each of them whole, and nothing in them means something else.
 */

#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "generator/unit-text.h"
#include "util.h"

#define VALUES_MAX 16U
#define HEAD "# Made by kftp-generator, see kftpd(8).\n[Unit]\n"

static size_t count(char *const *list) {
        size_t n = 0;

        while (list && list[n])
                n++;
        return n;
}

/* What may stand behind a percent sign, at p: another one; only in a line of ours %i, which is the name of the job. */
static bool is_harmless(const char *p, const char *end, bool may_name) {
        for (; p < end; p++) {
                if ((unsigned char) *p < 0x20 || *p == 0x7f)
                        return false;
                if (*p != '%')
                        continue;
                if (++p == end || (*p != '%' && !(may_name && *p == 'i')))
                        return false;
        }
        return true;
}

static bool begins(const char *line, const char *end, const char *prefix) {
        return (size_t) (end - line) >= strlen(prefix) && memcmp(line, prefix, strlen(prefix)) == 0;
}

/* How many lines begin so; the others are looked at for what no line may have. */
static size_t lines_with(const char *text, const char *prefix) {
        size_t n = 0;

        for (const char *line = text, *end; *line; line = end + 1) {
                end = strchr(line, '\n');
                FUZZ_CHECK(end);
                FUZZ_CHECK(end == line || end[-1] != '\\');
                FUZZ_CHECK(is_harmless(line, end, begins(line, end, "Description=") || begins(line, end, "Unit=")));
                n += begins(line, end, prefix);
        }
        return n;
}

static void check_timer(const KftpJob *j, const char *text) {
        size_t n = count(j->calendar);

        FUZZ_CHECK(startswith(text, HEAD "Description="));
        FUZZ_CHECK(lines_with(text, "OnCalendar=") == n);
        FUZZ_CHECK(lines_with(text, "SourcePath=/") == 1 && lines_with(text, "Documentation=man:kftp.job(5) man:kftpd(8)") == 1);
        FUZZ_CHECK(lines_with(text, "[") == 2 && lines_with(text, "[Timer]") == 1);
        FUZZ_CHECK(lines_with(text, "Unit=kftp@%i.service") == 1);
        FUZZ_CHECK(lines_with(text, "") == n + 10 + (j->randomized_delay_usec > 0));
}

static void check_end(const char *text, size_t n) {
        FUZZ_CHECK(startswith(text, HEAD "SourcePath=/"));
        FUZZ_CHECK(lines_with(text, "OnSuccess=") == n);
        FUZZ_CHECK(lines_with(text, "") == n + 3);
        FUZZ_CHECK(!strchr(strstr(text, "SourcePath="), ' '));
}

/* good: the parser has taken it. */
static void check(const KftpJob *j, bool good) {
        const char *reason = NULL;
        char *text;

        if (unit_text_timer(j, &text, &reason) >= 0)
                check_timer(j, text);
        else
                FUZZ_CHECK(!good && reason && !text);
        free(text);
        for (unsigned success = 0; success < 2; success++) {
                if (unit_text_end(j, success, &text, &reason) >= 0)
                        check_end(text, count(success ? j->on_success : j->on_failure));
                else
                        FUZZ_CHECK(!good && reason && !text);
                free(text);
        }
}

/* Values end at a zero; the first three are name, path and description. */
static void check_values(const char *data, size_t n) {
        char *values[VALUES_MAX + 1] = {};
        size_t k = 0;

        for (size_t i = 0; i < n && k < VALUES_MAX; i += strlen(data + i) + 1)
                values[k++] = (char *) data + i;
        if (k < 4)
                return;
        check(&(KftpJob) {
                .name = values[0],
                .file = values[1],
                .description = values[2],
                .calendar = values + 3,
                .on_success = values + 3,
                .on_failure = values + k - 1,
                .randomized_delay_usec = n % 3,
        }, false);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
        char *text = malloc(n + 1);
        KftpJob *j = NULL;

        fuzz_spend();
        if (!text)
                abort();
        if (n > 0)
                memcpy(text, data, n);
        text[n] = '\0';
        if (n > 0 && data[0] == '\0')
                check_values(text + 1, n - 1);
        else if (kftp_job_parse("/etc/kftp.d/fuzz-1.job", text, n, NULL, NULL, &j) >= 0)
                check(j, true);
        kftp_job_free(j);
        free(text);
        return 0;
}
