// SPDX-License-Identifier: GPL-2.0-or-later
/* Reading the daemon's records: see journal.h. Only what journald itself says of their origin is trusted. */

#include <inttypes.h>
#include <pwd.h>
#include <systemd/sd-id128.h>

#include "journal.h"
#include "libkftp.h"

#define UNIT "_SYSTEMD_UNIT=kftpd.service"

/* sd_journal_open takes files that cannot be read for such that are not there. */
static int check_access(void) {
        static const char *const places[] = { "/var/log/journal", "/run/log/journal" };
        char id[SD_ID128_STRING_MAX];
        bool denied = false;
        sd_id128_t machine;

        if (sd_id128_get_machine(&machine) < 0)
                return 0;
        for (size_t i = 0; i < ELEMENTS(places); i++) {
                _cleanup_free_ char *path = NULL;

                if (asprintf(&path, "%s/%s/system.journal", places[i], sd_id128_to_string(machine, id)) < 0)
                        return -ENOMEM;
                if (access(path, R_OK) == 0)
                        return 0;
                denied = denied || errno == EACCES;
        }
        return denied ? -EACCES : 0;
}

int journal_open(const char *directory, const char *file, sd_journal **ret) {
        const char *files[] = { file, NULL };
        _cleanup_journal_ sd_journal *j = NULL;
        int r;

        if (file)
                r = sd_journal_open_files(&j, files, 0);
        else if (directory)
                r = sd_journal_open_directory(&j, directory, 0);
        else {
                r = check_access();
                if (r >= 0)
                        r = sd_journal_open(&j, SD_JOURNAL_LOCAL_ONLY);
        }
        if (r >= 0)
                r = sd_journal_add_match(j, UNIT, 0);
        if (r >= 0)
                r = sd_journal_add_conjunction(j);
        if (r >= 0)
                *ret = STEAL_PTR(j);
        return MIN2(r, 0);
}

char *journal_advice(void) {
        const struct passwd *user = getpwuid(geteuid());
        char *text;

        if (asprintf(&text, "members of the group systemd-journal may: sudo usermod -aG systemd-journal %s, then log in again",
                     user ? user->pw_name : "USER") < 0)
                return NULL;
        return text;
}

/* Behind "FIELD=", not terminated. */
static bool find(sd_journal *j, const char *field, const char **ret, size_t *ret_n) {
        size_t n, skip = strlen(field) + 1;
        const void *data;

        if (sd_journal_get_data(j, field, &data, &n) < 0 || n < skip)
                return false;
        *ret = (const char *) data + skip;
        *ret_n = n - skip;
        return true;
}

char *journal_text(sd_journal *j, const char *field) {
        const char *text;
        size_t n;

        return find(j, field, &text, &n) ? kftp_escape(text, n) : NULL;
}

uint64_t journal_number(sd_journal *j, const char *field) {
        _cleanup_free_ char *text = journal_text(j, field);
        uint64_t n;

        return text && sscanf(text, "%" SCNu64, &n) == 1 ? n : 0;
}
