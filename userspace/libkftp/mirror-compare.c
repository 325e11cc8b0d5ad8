// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * What one pair of entries calls for: a function of what is known of both sides, and of the rules.
 *
 * A listed time is a span, as long as its precision, and two times agree if their spans overlap: a coarse time proves
 * a difference, never more than that. That of a LIST is moved by its server's time zone besides, which is not known until
 * MDTM has told the time of one file; and it may be summer for one file and winter for the next one. So it proves nothing
 * but agreement, and MDTM decides.
 */

#include "mirror-compare.h"
#include "util.h"

/* Beyond any calendar, and far from where sums overflow: hostile times, and those of files here. */
#define FAR (INT64_C(1) << 60)
#define SUMMER_TIME 3600

/* What an exact time may be: from first to last, both included. */
typedef struct Span {
        int64_t first, last;
} Span;

typedef enum Times {
        TIMES_AGREE,
        TIMES_DIFFER,
        TIMES_ASK,                      /* MDTM has to say */
        TIMES_UNKNOWN,
} Times;

typedef enum Order {
        ORDER_NEWER,                    /* the source is */
        ORDER_NOT_NEWER,
        ORDER_ASK,                      /* MDTM has to say */
        ORDER_UNKNOWN,
} Order;

static MirrorVerdict because(MirrorVerdict verdict, const char *word, const char **why) {
        *why = word;
        return verdict;
}

/* ---- Times ----------------------------------------------------------------------------------- */

static Span span_of(const MirrorEntry *e) {
        int64_t first = MAX2(MIN2(e->mtime, FAR), -FAR);

        return (Span) { .first = first, .last = first + MAX2(e->mtime_precision, 1U) - 1 };
}

static Span moved(Span s, int64_t least, int64_t most) {
        return (Span) { .first = s.first + least, .last = s.last + most };
}

static bool overlap(Span a, Span b) {
        return a.first <= b.last && b.first <= a.last;
}

static const MirrorEntry *remote_of(const MirrorRules *rules, const MirrorEntry *source, const MirrorEntry *target) {
        return rules->upload ? target : source;
}

static bool times_are_known(const MirrorEntry *a, const MirrorEntry *b) {
        return a->mtime != KFTP_MTIME_UNKNOWN && b->mtime != KFTP_MTIME_UNKNOWN;
}

/* Whether they agree, as the listing says, or in a time zone that the server was seen to list in. */
static bool agree(const MirrorRules *rules, const MirrorEntry *source, const MirrorEntry *target) {
        bool upload = rules->upload;
        Span remote = span_of(upload ? target : source), local = span_of(upload ? source : target);

        if (overlap(remote, local))
                return true;
        for (unsigned i = 0; rules->zoneless && i < rules->clock.n; i++)
                if (overlap(moved(remote, -rules->clock.offsets[i], -rules->clock.offsets[i]), local))
                        return true;
        return false;
}

/* Whether there is a time zone in which they agree. */
static bool agree_somewhere(const MirrorEntry *source, const MirrorEntry *target) {
        Span a = span_of(source), b = span_of(target);

        for (int64_t zone = -MIRROR_ZONE_MAX; zone <= MIRROR_ZONE_MAX; zone += MIRROR_ZONE_STEP)
                if (overlap(moved(a, zone, zone), b))
                        return true;
        return false;
}

static Times compare_times(const MirrorRules *rules, const MirrorEntry *source, const MirrorEntry *target) {
        if (!times_are_known(source, target))
                return TIMES_UNKNOWN;
        if (agree(rules, source, target))
                return TIMES_AGREE;
        if (!rules->zoneless)
                return TIMES_DIFFER;
        if (!rules->timeless)
                return TIMES_ASK;
        return agree_somewhere(source, target) ? TIMES_AGREE : TIMES_DIFFER;
}

/* When a file on the server was changed, as far as its time zone is known. */
static Span remote_span(const MirrorRules *rules, const MirrorEntry *remote) {
        int64_t least = INT64_MAX, most = INT64_MIN;

        if (!rules->zoneless)
                return span_of(remote);
        if (rules->clock.n == 0)
                return moved(span_of(remote), -MIRROR_ZONE_MAX, MIRROR_ZONE_MAX);
        for (unsigned i = 0; i < rules->clock.n; i++) {
                least = MIN2(least, -(int64_t) rules->clock.offsets[i]);
                most = MAX2(most, -(int64_t) rules->clock.offsets[i]);
        }
        /* The other half of the year may not have been seen. */
        if (rules->clock.n == 1) {
                least -= SUMMER_TIME;
                most += SUMMER_TIME;
        }
        return moved(span_of(remote), least, most);
}

static bool is_forgetful(const MirrorRules *rules) {
        return rules->upload && rules->forgetful;
}

/*
 * Which side is newer, where it does not matter by how much: the target's time is when it was written, not that of the
 * source, or only what is newer is wanted.
 */
static Order compare_order(const MirrorRules *rules, const MirrorEntry *source, const MirrorEntry *target) {
        const MirrorEntry *remote = remote_of(rules, source, target);
        Span s, t;

        if (!times_are_known(source, target))
                return ORDER_UNKNOWN;
        if (agree(rules, source, target)) {
                /* It may have been changed in the minute in which it was uploaded, after that. */
                bool racy = is_forgetful(rules) && !rules->newer && remote->mtime_precision > 1;

                return racy && !rules->timeless ? ORDER_ASK : ORDER_NOT_NEWER;
        }
        s = rules->upload ? span_of(source) : remote_span(rules, source);
        t = rules->upload ? remote_span(rules, target) : span_of(target);
        if (s.first > t.last)
                return ORDER_NEWER;
        if (s.last <= t.first)
                return ORDER_NOT_NEWER;
        if (!rules->timeless)
                return ORDER_ASK;
        /* Something once too often, and right; or, where what may be newer is to be spared, by the clock as it is listed. */
        return !rules->newer || span_of(source).first > span_of(target).last ? ORDER_NEWER : ORDER_NOT_NEWER;
}

/* ---- Files ----------------------------------------------------------------------------------- */

static bool sizes_differ(const MirrorEntry *a, const MirrorEntry *b) {
        return a->size != b->size && a->size != KFTP_SIZE_UNKNOWN && b->size != KFTP_SIZE_UNKNOWN;
}

static bool sizes_agree(const MirrorEntry *a, const MirrorEntry *b) {
        return a->size == b->size && a->size != KFTP_SIZE_UNKNOWN;
}

static bool target_has_own_times(const MirrorRules *rules) {
        return rules->no_times || is_forgetful(rules);
}

static bool modes_differ(const MirrorRules *rules, const MirrorEntry *source, const MirrorEntry *target) {
        return rules->permissions && source->mode != KFTP_MODE_UNKNOWN && target->mode != KFTP_MODE_UNKNOWN
                && (source->mode & 0777) != (target->mode & 0777);
}

/* The content is the same. */
static MirrorVerdict settle(const MirrorRules *rules, const MirrorEntry *source, const MirrorEntry *target, const char **why) {
        return modes_differ(rules, source, target) ? because(MIRROR_SET, "mode", why) : because(MIRROR_SAME, NULL, why);
}

/* The content is the same, by its size or hash; the time may not be. */
static MirrorVerdict settle_time(const MirrorRules *rules, const MirrorEntry *source, const MirrorEntry *target, const char **why) {
        Times times;

        /* Where times are not kept; and with newer a target that is the newer one stays so. */
        if (target_has_own_times(rules) || rules->newer)
                return settle(rules, source, target, why);
        times = compare_times(rules, source, target);
        if (times == TIMES_ASK)
                return because(MIRROR_ASK_TIME, "time", why);
        return times == TIMES_DIFFER ? because(MIRROR_SET, "time", why) : settle(rules, source, target, why);
}

/* No times to compare: the size has to do. Without that either, MDTM is the last that may tell. */
static MirrorVerdict without_times(const MirrorRules *rules, const MirrorEntry *source, const MirrorEntry *target, const char **why) {
        const MirrorEntry *remote = remote_of(rules, source, target), *local = remote == source ? target : source;

        if (sizes_agree(source, target))
                return settle(rules, source, target, why);
        if (!rules->timeless && remote->mtime == KFTP_MTIME_UNKNOWN && local->mtime != KFTP_MTIME_UNKNOWN)
                return because(MIRROR_ASK_TIME, "unknown", why);
        return because(MIRROR_TRANSFER, "unknown", why);
}

static MirrorVerdict compare_by_order(const MirrorRules *rules, const MirrorEntry *source, const MirrorEntry *target, const char **why) {
        switch (compare_order(rules, source, target)) {
        case ORDER_NEWER:
                return because(MIRROR_TRANSFER, "time", why);
        case ORDER_NOT_NEWER:
                return settle(rules, source, target, why);
        case ORDER_ASK:
                return because(MIRROR_ASK_TIME, "time", why);
        case ORDER_UNKNOWN:
                break;
        }
        return without_times(rules, source, target, why);
}

static MirrorVerdict compare_by_time(const MirrorRules *rules, const MirrorEntry *source, const MirrorEntry *target, const char **why) {
        switch (compare_times(rules, source, target)) {
        case TIMES_AGREE:
                return settle(rules, source, target, why);
        case TIMES_DIFFER:
                return because(MIRROR_TRANSFER, "time", why);
        case TIMES_ASK:
                return because(MIRROR_ASK_TIME, "time", why);
        case TIMES_UNKNOWN:
                break;
        }
        return without_times(rules, source, target, why);
}

/* With newer the source is known to be. */
static MirrorVerdict compare_content(const MirrorRules *rules, const MirrorEntry *source, const MirrorEntry *target, const char **why) {
        if (sizes_differ(source, target))
                return because(MIRROR_TRANSFER, "size", why);
        if (rules->compare == KFTP_COMPARE_SIZE && sizes_agree(source, target))
                return settle_time(rules, source, target, why);
        if (rules->compare == KFTP_COMPARE_HASH && rules->has_hash && sizes_agree(source, target))
                return because(MIRROR_ASK_HASH, "hash", why);
        if (rules->newer)
                return because(MIRROR_TRANSFER, "time", why);
        return target_has_own_times(rules) ? compare_by_order(rules, source, target, why) : compare_by_time(rules, source, target, why);
}

/* With newer: what is not newer, or not known to be, is left as it is. */
static MirrorVerdict compare_newer(const MirrorRules *rules, const MirrorEntry *source, const MirrorEntry *target, const char **why) {
        const MirrorEntry *remote = remote_of(rules, source, target);
        Order order = compare_order(rules, source, target);

        if (order == ORDER_ASK || (order == ORDER_UNKNOWN && remote->mtime == KFTP_MTIME_UNKNOWN && !rules->timeless))
                return because(MIRROR_ASK_TIME, "time", why);
        if (order == ORDER_NEWER)
                return compare_content(rules, source, target, why);
        return sizes_agree(source, target) ? settle(rules, source, target, why) : because(MIRROR_SAME, NULL, why);
}

static MirrorVerdict compare_files(const MirrorRules *rules, const MirrorEntry *source, const MirrorEntry *target, const char **why) {
        return rules->newer ? compare_newer(rules, source, target, why) : compare_content(rules, source, target, why);
}

/* ---- Types ----------------------------------------------------------------------------------- */

/* A listing that has nothing but names: it may be anything. */
static bool is_untold(const MirrorEntry *e) {
        return e->type == KFTP_ENTRY_OTHER && e->size == KFTP_SIZE_UNKNOWN && e->mtime == KFTP_MTIME_UNKNOWN && e->mode == KFTP_MODE_UNKNOWN;
}

static MirrorVerdict compare_links(const MirrorEntry *source, const MirrorEntry *target, const char **why) {
        if (source->target && target->target && !streq(source->target, target->target))
                return because(MIRROR_LINK, "target", why);
        return because(MIRROR_SAME, NULL, why);
}

static MirrorVerdict compare_other_type(const MirrorRules *rules, const MirrorEntry *source, const MirrorEntry *target, const char **why) {
        bool small = target->type == KFTP_ENTRY_FILE || target->type == KFTP_ENTRY_LINK;

        /*
         * A file and a link take each other's place at once: rename() here; and on the server a file is stored under
         * a temporary name and renamed, which replaces a link, and does not go through it.
         */
        if (small && source->type == KFTP_ENTRY_FILE)
                return because(MIRROR_TRANSFER, "type", why);
        if (small && source->type == KFTP_ENTRY_LINK)
                return because(MIRROR_LINK, "type", why);
        return because(rules->delete ? MIRROR_REMOVE_FIRST : MIRROR_IN_THE_WAY, "type", why);
}

MirrorVerdict mirror_compare(const MirrorRules *rules, const MirrorEntry *source, const MirrorEntry *target, const char **why) {
        bool same_type = target && (target->type == source->type || (rules->upload && is_untold(target)));

        switch (source->type) {
        case KFTP_ENTRY_FILE:
                if (!target)
                        return because(MIRROR_TRANSFER, "new", why);
                return same_type ? compare_files(rules, source, target, why) : compare_other_type(rules, source, target, why);
        case KFTP_ENTRY_DIR:
                if (!target)
                        return because(MIRROR_MAKE, "new", why);
                return same_type ? because(MIRROR_DESCEND, NULL, why) : compare_other_type(rules, source, target, why);
        case KFTP_ENTRY_LINK:
                if (!target)
                        return because(MIRROR_LINK, "new", why);
                return same_type ? compare_links(source, target, why) : compare_other_type(rules, source, target, why);
        case KFTP_ENTRY_OTHER:
                break;
        }
        return because(MIRROR_IGNORE, NULL, why);
}

MirrorVerdict mirror_compare_exact(const MirrorRules *rules, const MirrorEntry *source, const MirrorEntry *target, int64_t exact, const char **why) {
        MirrorRules known = *rules;
        MirrorEntry remote = *remote_of(rules, source, target);

        if (exact == KFTP_MTIME_UNKNOWN) {
                known.timeless = true;
                return mirror_compare(&known, source, target, why);
        }
        known.zoneless = false;
        remote.mtime = exact;
        remote.mtime_precision = 1;
        return mirror_compare(&known, rules->upload ? source : &remote, rules->upload ? &remote : target, why);
}
