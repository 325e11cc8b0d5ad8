// SPDX-License-Identifier: GPL-2.0-or-later
/* How jobs are shown: colours, what is wrong with them, and what to do. */

#include <inttypes.h>

#include "format.h"
#include "job-view.h"
#include "terminal.h"
#include "util.h"

const char *view_state_colour(const char *state) {
        static const struct {
                const char *state, *colour;
        } colours[] = {
                { "running",   COLOUR_GREEN  },
                { "failed",    COLOUR_RED    },
                { "rejected",  COLOUR_RED    },
                { "waiting",   COLOUR_YELLOW },
                { "queued",    COLOUR_BLUE   },
                { "masked",    COLOUR_GREY   },
        };

        for (size_t i = 0; state && i < ELEMENTS(colours); i++)
                if (streq(state, colours[i].state))
                        return colours[i].colour;
        return NULL;
}

const char *view_result_colour(const char *result) {
        return !result || streq(result, "done") ? NULL : streq(result, "cancelled") ? COLOUR_YELLOW : COLOUR_RED;
}

enum kftp_class view_class(const char *word) {
        static const enum kftp_class classes[] = {
                KFTP_CLASS_OK, KFTP_CLASS_USAGE, KFTP_CLASS_SOME_FAILED, KFTP_CLASS_AUTH, KFTP_CLASS_REMOTE, KFTP_CLASS_NETWORK,
                KFTP_CLASS_LOCAL, KFTP_CLASS_INTEGRITY, KFTP_CLASS_DEVICE, KFTP_CLASS_TLS, KFTP_CLASS_BUSY, KFTP_CLASS_INTERRUPTED,
        };

        for (size_t i = 0; i < ELEMENTS(classes); i++)
                if (streq(word, kftp_class_name(classes[i])))
                        return classes[i];
        return KFTP_CLASS_OTHER;
}

uint64_t view_next(const JobInfo *job) {
        if (job->not_before > 0 && (job_info_is(job, "waiting") || job_info_is(job, "queued")))
                return job->not_before;
        return job->next;
}

const char *view_problem(const JobInfo *job) {
        if (job->text)
                return job->text;
        if (!job->last_result || streq(job->last_result, "done"))
                return NULL;
        return job_info_is(job, "failed") || job_info_is(job, "scheduled") || job_info_is(job, "waiting") ? job->last_text : NULL;
}

/* By the class of the last run's failure: what comes before the next attempt. */
static const char *advice_of_class(enum kftp_class class) {
        switch (class) {
        case KFTP_CLASS_AUTH:
                return "see to User= and the password, then";
        case KFTP_CLASS_REMOTE:
                return "see that it is there on the server and may be read or written, then";
        case KFTP_CLASS_NETWORK:
                return "see that the server can be reached, then";
        case KFTP_CLASS_LOCAL:
                return "see to room and permissions on this side, then";
        case KFTP_CLASS_INTEGRITY:
                return "see that nobody writes the file meanwhile, then";
        case KFTP_CLASS_DEVICE:
                return "kftp doctor tells what is missing on this machine; then";
        case KFTP_CLASS_TLS:
                return "see to the server's certificate, CAFile= and TLS=, then";
        case KFTP_CLASS_SOME_FAILED:
                return "the journal names the files that failed; those alone are tried again by";
        default:
                return "once that is mended";
        }
}

char *view_advice(const JobInfo *job) {
        char *text;
        int n;

        if (job_info_is(job, "rejected"))
                n = asprintf(&text, "mend %s; it is then read again by itself", job->file ?: "its file");
        else if (job_info_is(job, "masked"))
                n = asprintf(&text, "to have it run, remove %s, a link to /dev/null", job->file ?: "its file");
        else if (job_info_is(job, "failed"))
                n = asprintf(&text, "%s: kftp retry %s", advice_of_class(view_class(strempty(job->last_result))), job->job);
        else
                return NULL;
        return n < 0 ? NULL : text;
}

char *view_amount(uint64_t files, uint64_t bytes, uint64_t usec) {
        char amount[KFTP_FORMAT_MAX], span[KFTP_FORMAT_MAX], *text;

        if (asprintf(&text, "%" PRIu64 " file%s, %s in %s", files, files == 1 ? "" : "s", kftp_format_bytes(amount, bytes),
                     kftp_format_usec(span, usec)) < 0)
                return NULL;
        return text;
}
