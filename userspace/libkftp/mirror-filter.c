// SPDX-License-Identifier: LGPL-2.1-or-later
/* Which files, links and directories of a tree take part in a mirror: by their paths, sizes, ages and depths. */

#include <regex.h>

#include "mirror-filter.h"
#include "mirror-glob.h"
#include "utf8.h"
#include "util.h"

typedef struct FilterRule {
        MirrorGlob *glob;               /* NULL: a regular expression */
        regex_t regex;
} FilterRule;

typedef struct FilterRules {
        FilterRule *rules;
        size_t n;
} FilterRules;

struct KftpFilter {
        FilterRules include, exclude;
};

/* ---- Regular expressions ----------------------------------------------------------------------------- */

/*
 * Paths are UTF-8 wherever the program runs, also from cron with LANG=C: the same filter is to take the same files. Where
 * the C library has no such locale, the program's own one has to do. Returns what to give to leave_unicode().
 */
static locale_t enter_unicode(void) {
        locale_t unicode = kftp_utf8_locale();

        return unicode ? uselocale(unicode) : (locale_t) 0;
}

static void leave_unicode(locale_t previous) {
        if (previous)
                (void) uselocale(previous);
}

/*
 * A copy of text whose bytes that are no UTF-8 are characters of the private use area: to regexec() such bytes are nothing
 * at all, not even for ".", and a pattern would miss names for one byte in them. NULL: it is UTF-8 as it is.
 */
static char *make_utf8(const char *text) {
        const uint8_t *p = (const uint8_t *) text;
        size_t n = strlen(text), length, bad = 0;
        uint32_t character;
        char *copy, *out;

        for (size_t i = 0; i < n; i += MAX2(length, 1U)) {
                length = kftp_utf8_decode(p + i, n - i, &character);
                bad += length == 0;
        }
        copy = out = bad > 0 ? malloc(n + 2 * bad + 1) : NULL;
        if (!copy)
                return NULL;
        for (size_t i = 0; i < n; i += MAX2(length, 1U)) {
                length = kftp_utf8_decode(p + i, n - i, &character);
                if (length > 0)
                        out = mempcpy(out, p + i, length);
                else {          /* U+F780 to U+F7FF for 0x80 to 0xff */
                        *out++ = (char) 0xef;
                        *out++ = (char) (0x9c | p[i] >> 6);
                        *out++ = (char) (0x80 | (p[i] & 0x3f));
                }
        }
        *out = '\0';
        return copy;
}

static int compile_regex(regex_t *regex, const char *text, char **reason) {
        _cleanup_free_ char *copy = make_utf8(text), *shown = NULL;
        locale_t previous = enter_unicode();
        int r = regcomp(regex, copy ?: text, REG_EXTENDED | REG_NOSUB);
        char what[128] = "";

        if (r != 0)
                (void) regerror(r, regex, what, sizeof(what));
        leave_unicode(previous);
        if (r == 0)
                return 0;
        if (r == REG_ESPACE)
                return -ENOMEM;
        shown = kftp_escape(text, strlen(text));
        if (reason && asprintf(reason, "the regular expression \"%s\": %s", strempty(shown), r == REG_ECOLLATE ? "a range can only be of ASCII characters" : what) < 0)
                *reason = NULL;
        return -EINVAL;
}

static bool regex_matches(const regex_t *regex, const char *text) {
        _cleanup_free_ char *copy = make_utf8(text);
        locale_t previous = enter_unicode();
        bool matches = regexec(regex, copy ?: text, 0, NULL, 0) == 0;

        leave_unicode(previous);
        return matches;
}

/* A directory may be meant with a slash behind it, as in "^tmp/": then nothing of it is to be there, itself included. */
static bool regex_takes(const regex_t *regex, const char *path, bool is_directory) {
        _cleanup_free_ char *with_slash = NULL;

        if (regex_matches(regex, path))
                return true;
        if (!is_directory || asprintf(&with_slash, "%s/", path) < 0)
                return false;
        return regex_matches(regex, with_slash);
}

/* ---- The rules --------------------------------------------------------------------------------------- */

static void rules_done(FilterRules *l) {
        for (size_t i = 0; i < l->n; i++) {
                if (!l->rules[i].glob)
                        regfree(&l->rules[i].regex);
                mirror_glob_free(l->rules[i].glob);
        }
        free(l->rules);
        *l = (FilterRules) {};
}

static bool rules_take(const FilterRules *l, const char *path, bool is_directory) {
        for (size_t i = 0; i < l->n; i++) {
                const FilterRule *rule = l->rules + i;

                if (rule->glob ? mirror_glob_matches(rule->glob, path, is_directory) : regex_takes(&rule->regex, path, is_directory))
                        return true;
        }
        return false;
}

int kftp_filter_new(KftpFilter **ret) {
        *ret = calloc(1, sizeof(**ret));
        return *ret ? 0 : -ENOMEM;
}

void kftp_filter_free(KftpFilter *f) {
        if (!f)
                return;
        rules_done(&f->include);
        rules_done(&f->exclude);
        free(f);
}

static int refuse_directory(const char *text, char **reason) {
        _cleanup_free_ char *shown = kftp_escape(text, strlen(text));

        if (reason && asprintf(reason, "the pattern \"%s\" is for directories, but those to be included are for files: \"%s**\" is all below",
                               strempty(shown), strempty(shown)) < 0)
                *reason = NULL;
        return -EINVAL;
}

static int compile(FilterRule *rule, enum kftp_filter_kind kind, const char *text, char **reason) {
        int r;

        if (kind == KFTP_FILTER_INCLUDE_REGEX || kind == KFTP_FILTER_EXCLUDE_REGEX)
                return compile_regex(&rule->regex, text, reason);
        r = mirror_glob_compile(&rule->glob, text, reason);
        if (r >= 0 && kind == KFTP_FILTER_INCLUDE && mirror_glob_is_for_directories(rule->glob)) {
                mirror_glob_free(STEAL_PTR(rule->glob));
                return refuse_directory(text, reason);
        }
        return r;
}

int kftp_filter_add(KftpFilter *f, enum kftp_filter_kind kind, const char *text, char **reason) {
        FilterRules *l = kind == KFTP_FILTER_INCLUDE || kind == KFTP_FILTER_INCLUDE_REGEX ? &f->include : &f->exclude;
        FilterRule *rules = reallocarray(l->rules, l->n + 1, sizeof(*rules));
        int r;

        if (reason)
                *reason = NULL;
        if (!rules)
                return -ENOMEM;
        l->rules = rules;
        rules[l->n] = (FilterRule) {};
        r = compile(rules + l->n, kind, text, reason);
        if (r < 0)
                return r;
        l->n++;
        return 0;
}

/* ---- What takes part ----------------------------------------------------------------------------------- */

static bool size_takes(const KftpMirrorOptions *o, uint64_t size) {
        if (size == KFTP_SIZE_UNKNOWN)
                return true;
        return size >= o->min_size && (o->max_size == 0 || size <= o->max_size);
}

/* How many seconds ago; of what is to come, 0. */
static uint64_t age(int64_t now, int64_t mtime) {
        return mtime >= now ? 0 : (uint64_t) now - (uint64_t) mtime;
}

/* A time that is known by the day only may be any of that day: whatever may be old or young enough is. */
static bool age_takes(const KftpMirrorOptions *o, const MirrorEntry *e, int64_t now) {
        int64_t latest;

        if (e->mtime == KFTP_MTIME_UNKNOWN)
                return true;
        if (__builtin_add_overflow(e->mtime, (int64_t) MAX2(e->mtime_precision, 1U) - 1, &latest))
                latest = e->mtime;
        return (o->min_age == 0 || age(now, e->mtime) >= o->min_age) && (o->max_age == 0 || age(now, latest) <= o->max_age);
}

bool mirror_filter_takes(const KftpMirrorOptions *o, const char *path, const MirrorEntry *e, int64_t now) {
        const KftpFilter *f = o->filter;

        /* Of a link that is copied neither says anything. */
        if (e->type != KFTP_ENTRY_LINK && (!size_takes(o, e->size) || !age_takes(o, e, now)))
                return false;
        if (!f)
                return true;
        return !rules_take(&f->exclude, path, false) && (f->include.n == 0 || rules_take(&f->include, path, false));
}

bool mirror_filter_enters(const KftpMirrorOptions *o, const char *path, unsigned depth) {
        if (o->max_depth > 0 && depth >= o->max_depth)
                return false;
        return !o->filter || !rules_take(&o->filter->exclude, path, true);
}

bool mirror_filter_is_ours(const KftpMirrorOptions *o, const char *path) {
        return o->shards == 0 || kftp_shard(path, o->shards) == o->shard;
}
