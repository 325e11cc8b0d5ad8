/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What becomes of a source's file: which side it is on, and its marker. The two sides are in then-local.c and then-remote.c. */

#include "failure.h"
#include "names.h"
#include "source.h"
#include "then-internal.h"

static int no_memory(KftpFailure *f) {
        return kftp_failure_set(f, KFTP_CLASS_OTHER, -ENOMEM, true, "not enough memory");
}

static int act(const ThenPlace *p, const ThenFile *file, char **ret_text, KftpFailure *f) {
        return p->job->upload ? then_local(p, file, ret_text, f) : then_remote(p, file, ret_text, f);
}

/* The marker of a file is what it is whatever its size and time, and whether it is still there. */
static int act_on_marker(const ThenPlace *p, const char *marker, KftpFailure *f) {
        _cleanup_free_ char *text = NULL;

        return act(p, &(ThenFile) { .name = marker, .size = KFTP_SIZE_UNKNOWN, .mtime = KFTP_MTIME_UNKNOWN }, &text, f);
}

static int find_place(ThenPlace *p, KftpFailure *f) {
        _cleanup_free_ char *name = NULL;

        if (source_place(p->job, &p->directory, &name) < 0)
                return no_memory(f);
        if (p->then->action != KFTP_THEN_MOVE)
                return 0;
        /* On a server it is as the path of a URL is: from the login directory on. */
        p->to = !p->job->upload || p->then->directory[0] == '/' ? strdup(p->then->directory) : kftp_path_join(p->directory, p->then->directory);
        return p->to ? 0 : no_memory(f);
}

static void place_done(ThenPlace *p) {
        free(p->directory);
        free(p->to);
        free(p->marker);
}

int then_file(const KftpJob *job, const KftpThen *then, KftpClient *client, const ThenFile *file, char **ret_text, KftpFailure *f) {
        _cleanup_(place_done) ThenPlace p = { .job = job, .then = then, .client = client };
        int r;

        *ret_text = NULL;
        if (then->action == KFTP_THEN_KEEP)
                return THEN_KEPT;
        r = find_place(&p, f);
        if (r < 0)
                return r;
        r = job->upload ? then_local_check(&p, file, ret_text, f) : then_remote_check(&p, file, ret_text, f);
        if (r < 0 || r == THEN_CHANGED)
                return r;
        if (source_has_markers(job)) {
                p.marker = source_marker(job, file->name);
                if (!p.marker)
                        return no_memory(f);
        }
        /* Here the file is set aside before its marker goes: see then_local(). */
        if (p.marker && (!job->upload || r == THEN_DONE)) {
                int marker = act_on_marker(&p, p.marker, f);

                if (marker < 0)
                        return marker;
        }
        return r == THEN_DONE ? r : act(&p, file, ret_text, f);
}

/* With the next files there may be a marker that vouches for them: it stays. */
static int act_on_seen(const ThenPlace *p, const ThenFile *marker, KftpFailure *f) {
        _cleanup_free_ char *text = NULL;
        int r = p->job->upload ? then_local_check(p, marker, &text, f) : then_remote_check(p, marker, &text, f);

        free(STEAL_PTR(text));
        return r == THEN_KEPT ? act(p, marker, &text, f) : r;
}

int then_marker(const KftpJob *job, const KftpThen *then, KftpClient *client, const ThenFile *marker, KftpFailure *f) {
        _cleanup_(place_done) ThenPlace p = { .job = job, .then = then, .client = client };
        int r;

        if (then->action == KFTP_THEN_KEEP || !job->marker || source_has_markers(job))
                return 0;
        r = find_place(&p, f);
        if (r >= 0)
                r = marker && marker->name ? act_on_seen(&p, marker, f) : act_on_marker(&p, job->marker, f);
        return MIN2(r, 0);
}

int then_directory(const KftpJob *job, const KftpThen *then, KftpClient *client, KftpFailure *f) {
        return then_marker(job, then, client, NULL, f);
}
