/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An upload whose server is the directory out/ of the test, and what is found there after a crash. See daemon.h. */

#define SD_JOURNAL_SUPPRESS_LOCATION

#include "fake-put.h"

#include <signal.h>
#include <sys/uio.h>
#include <systemd/sd-journal.h>

#include "fake-get.h"
#include "kftpd/runner-internal.h"
#include "util.h"

static void tell(const char *what, const char *name) {
        char text[200];

        (void) snprintf(text, sizeof(text), "%s %s", what, name);
        (void) sd_journal_sendv(&(struct iovec) { text, strlen(text) }, 1);
}

static int fail(KftpFailure *f, enum kftp_class class, int error, unsigned reply, bool transient, const char *text) {
        *f = (KftpFailure) { .class = class, .error = error, .reply = reply, .transient = transient, .text = strdup(text) };
        return error < 0 ? error : -EREMOTEIO;
}

/* Takes the marker away. */
static bool take(const char *name) {
        char path[200];

        (void) snprintf(path, sizeof(path), "%s/%s", fake_get_directory, name);
        return unlink(path) >= 0;
}

static void crash_if(const char *name) {
        if (take(name))
                (void) kill(getpid(), SIGKILL);
}

static bool copy(const char *from, const char *to) {
        _cleanup_fclose_ FILE *in = fopen(from, "re"), *out = fopen(to, "we");

        for (int c; in && out && (c = fgetc(in)) != EOF;)
                fputc(c, out);
        return in && out;
}

int fake_put(Run *run, const RunFile *file, KftpResult *ret) {
        char from[200], temporary[200], final[200];
        const KftpIntent intent = { .temporary = temporary, .final = final, .size = file->size, .mtime = file->mtime };

        *ret = (KftpResult) { .mtime = file->mtime, .bytes = file->size, .attempts = 1 };
        tell("PUT", file->name);
        if (startswith(file->name, "full-") && !fake_marker("go"))
                return fail(&ret->failure, KFTP_CLASS_REMOTE, 0, 552, false, "552 \"no room\" (fake:21)");
        (void) snprintf(from, sizeof(from), "%s/source/%s", fake_get_directory, file->name);
        (void) snprintf(temporary, sizeof(temporary), "%s/out/.%s.kftp-1", fake_get_directory, file->name);
        (void) snprintf(final, sizeof(final), "%s/out/%s", fake_get_directory, file->name);
        if (!copy(from, temporary) || run_note_intent(run, &intent) < 0)
                return fail(&ret->failure, KFTP_CLASS_LOCAL, -EIO, 0, false, "the intent could not be recorded");
        crash_if("crash-before-rename");
        if (rename(temporary, final) < 0)
                return fail(&ret->failure, KFTP_CLASS_LOCAL, -errno, 0, false, "rename");
        crash_if("crash-after-rename");
        if (take("reply-lost"))
                return fail(&ret->failure, KFTP_CLASS_NETWORK, -ECONNRESET, 0, true, "fake:21: Connection reset");
        ret->remote = strdup(final);
        ret->local = strdup(from);
        return 0;
}

int fake_put_recover(Run *run, KftpFailure *f) {
        const LedgerEntry *e = run->entry;

        tell("RECOVER", strempty(e->item));
        if (rename(e->temporary, e->final) >= 0 || access(e->final, F_OK) >= 0)
                return 1;
        return fail(f, KFTP_CLASS_INTEGRITY, -EBADMSG, 0, false, "it is not known whether it was delivered");
}
