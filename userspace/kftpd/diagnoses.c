/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A list of diagnoses. */

#include "diagnoses.h"

static void release(KftpDiagnosis *d) {
        free((char *) d->file);
        free((char *) d->message);
}

void diagnoses_add(void *userdata, const KftpDiagnosis *d) {
        Diagnoses *all = userdata;
        KftpDiagnosis copy = *d, *more;

        copy.file = strdup(d->file);
        copy.message = strdup(d->message);
        copy.text = NULL;
        copy.text_n = 0;
        more = reallocarray(all->items, all->n + 1, sizeof(*more));
        if (more)
                all->items = more;
        if (!more || !copy.file || !copy.message) {
                release(&copy);
                return;
        }
        all->items[all->n++] = copy;
}

void diagnoses_report(const Diagnoses *all, const Report *report, const char *job) {
        for (size_t i = 0; i < all->n; i++)
                report_diagnosis(report, job, all->items + i);
}

void diagnoses_done(Diagnoses *all) {
        for (size_t i = 0; i < all->n; i++)
                release(all->items + i);
        free(all->items);
        *all = (Diagnoses) {};
}
