// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Names that a server may take for one another, as it does not tell upper from lower case. Which servers are so is not
 * known; but only where there are such names it matters, and there the server can be asked.
 */

#include "mirror-names.h"
#include "mirror.h"
#include "util.h"

struct MirrorFolded {
        size_t n;
        const char *names[];
};

static int compare(const void *a, const void *b) {
        return mirror_names_compare_folded(*(const char *const *) a, *(const char *const *) b);
}

MirrorFolded *mirror_fold(const MirrorList *source, const MirrorList *target) {
        MirrorFolded *f = malloc(sizeof(*f) + (source->n + target->n) * sizeof(f->names[0]));

        if (!f)
                return NULL;
        f->n = 0;
        for (size_t i = 0; i < source->n; i++)
                f->names[f->n++] = source->entries[i].name;
        for (size_t i = 0; i < target->n; i++)
                f->names[f->n++] = target->entries[i].name;
        if (f->n > 0)
                qsort(f->names, f->n, sizeof(f->names[0]), compare);
        return f;
}

bool mirror_is_ambiguous(const MirrorFolded *f, const char *name) {
        const char **found = f->n > 0 ? bsearch(&name, f->names, f->n, sizeof(f->names[0]), compare) : NULL;

        if (!found)
                return false;
        while (found > f->names && compare(found - 1, &name) == 0)
                found--;
        for (; found < f->names + f->n && compare(found, &name) == 0; found++)
                if (!streq(*found, name))
                        return true;
        return false;
}
