// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Shell patterns for paths. The C library's fnmatch() is not taken: it knows no "**", what it makes of bytes that are
 * no UTF-8 depends on the locale, and names that a server makes up may cost it time without bound. Here all ways to
 * match are followed at once: a set of places in the pattern, which each character of the path takes on to the next.
 */

#include <ctype.h>
#include <stdarg.h>

#include "libkftp.h"
#include "mirror-glob.h"
#include "utf8.h"
#include "util.h"

typedef enum GlobKind {
        GLOB_CHARACTER,
        GLOB_ANY,                       /* one character but a slash */
        GLOB_SET,
        GLOB_STAR,                      /* any text without a slash */
        GLOB_STARS,                     /* any text */
        GLOB_DIRECTORIES,               /* none, or as ... */
        GLOB_DIRECTORIES_GO_ON,         /* ... behind it always: any text that ends in a slash */
        GLOB_END,
} GlobKind;

typedef struct GlobRange {
        uint32_t first, last;
} GlobRange;

typedef struct GlobToken {
        GlobKind kind;
        bool negated;                   /* of a set */
        uint32_t character;
        uint32_t range, ranges_n;       /* of a set: in the glob's ranges */
} GlobToken;

struct MirrorGlob {
        bool whole;                     /* for the whole path */
        bool directories;               /* for directories only */
        size_t n;                       /* tokens, without the end */
        size_t ranges_n;
        GlobToken *tokens;
        GlobRange *ranges;
};

/* ---- Reading a pattern ----------------------------------------------------------------------------- */

typedef struct GlobParser {
        MirrorGlob *glob;
        const char *pattern;            /* as it was given, for sentences */
        const char *p, *end;
        char **reason;
} GlobParser;

_printf_(3, 4) static int refuse(GlobParser *g, const char *place, const char *format, ...) {
        _cleanup_free_ char *shown = NULL, *what = NULL;
        va_list args;
        int r;

        if (!g->reason)
                return -EINVAL;
        shown = kftp_escape(g->pattern, strlen(g->pattern));
        va_start(args, format);
        r = vasprintf(&what, format, args);
        va_end(args);
        if (r < 0)
                what = NULL;
        if (!shown || !what)
                return -ENOMEM;
        r = place ? asprintf(g->reason, "the pattern \"%s\": %s at byte %zu", shown, what, (size_t) (place - g->pattern) + 1) :
                asprintf(g->reason, "the pattern \"%s\" %s", shown, what);
        if (r < 0)
                *g->reason = NULL;
        return -EINVAL;
}

/* The character at *p. A byte that is part of none is one of its own, which is in no range. */
static uint32_t take_character(const char **p, const char *end) {
        uint32_t c;
        size_t n = kftp_utf8_decode((const uint8_t *) *p, (size_t) (end - *p), &c);

        if (n == 0) {
                c = 0x110000 + (uint8_t) **p;
                n = 1;
        }
        *p += n;
        return c;
}

static GlobToken *add_token(MirrorGlob *g, GlobKind kind) {
        GlobToken *t = g->tokens + g->n++;

        *t = (GlobToken) { .kind = kind };
        return t;
}

static void add_range(MirrorGlob *g, GlobToken *set, uint32_t first, uint32_t last) {
        g->ranges[g->ranges_n++] = (GlobRange) { first, last };
        set->ranges_n++;
}

/* "[:NAME:]" at p, of ASCII: what else is a letter depends on who is asked. */
static int take_class(GlobParser *g, GlobToken *set) {
        static const struct {
                const char *name;
                int (*has)(int c);
        } classes[] = {
                { "alnum", isalnum }, { "alpha", isalpha }, { "blank", isblank }, { "cntrl", iscntrl },
                { "digit", isdigit }, { "graph", isgraph }, { "lower", islower }, { "print", isprint },
                { "punct", ispunct }, { "space", isspace }, { "upper", isupper }, { "xdigit", isxdigit },
        };
        const char *name = g->p + 2;
        size_t n = strspn(name, "abcdefghijklmnopqrstuvwxyz");

        for (size_t i = 0; i < ELEMENTS(classes); i++) {
                if (strlen(classes[i].name) != n || memcmp(name, classes[i].name, n) != 0 || !startswith(name + n, ":]"))
                        continue;
                for (int c = 0; c < 0x80; c++)
                        if (classes[i].has(c)) {
                                int first = c;

                                while (c + 1 < 0x80 && classes[i].has(c + 1))
                                        c++;
                                add_range(g->glob, set, (uint32_t) first, (uint32_t) c);
                        }
                g->p = name + n + 2;
                return 0;
        }
        return refuse(g, g->p, "there is no such class of characters as the one");
}

/* One character of a set, or one end of a range. */
static int take_member(GlobParser *g, const char *bracket, uint32_t *ret) {
        const char *place = g->p;

        if (*g->p == '\\' && g->p + 1 < g->end)
                g->p++;
        if (*g->p == '/')
                return refuse(g, place, "brackets match no slash, and there is one");
        if (g->p[0] == '[' && (g->p[1] == '.' || g->p[1] == '='))
                return refuse(g, place, "\"[%c\" is not supported, and stands", g->p[1]);
        *ret = take_character(&g->p, g->end);
        return g->p < g->end ? 0 : refuse(g, bracket, "there is no \"]\" for the \"[\"");
}

static int take_range(GlobParser *g, const char *bracket, GlobToken *set) {
        const char *place = g->p;
        uint32_t first, last;
        int r;

        r = take_member(g, bracket, &first);
        if (r < 0)
                return r;
        last = first;
        if (g->p[0] == '-' && g->p + 1 < g->end && g->p[1] != ']') {
                g->p++;
                r = take_member(g, bracket, &last);
                if (r < 0)
                        return r;
        }
        if (first > last)
                return refuse(g, place, "the range ends before it begins");
        add_range(g->glob, set, first, last);
        return 0;
}

static int take_set(GlobParser *g) {
        GlobToken *set = add_token(g->glob, GLOB_SET);
        const char *bracket = g->p++, *first;
        int r = 0;

        set->range = (uint32_t) g->glob->ranges_n;
        set->negated = g->p < g->end && (*g->p == '!' || *g->p == '^');
        if (set->negated)
                g->p++;
        for (first = g->p; g->p < g->end && (*g->p != ']' || g->p == first); ) {
                r = g->p[0] == '[' && g->p[1] == ':' ? take_class(g, set) : take_range(g, bracket, set);
                if (r < 0)
                        return r;
        }
        if (g->p == g->end)
                return refuse(g, bracket, "there is no \"]\" for the \"[\"");
        g->p++;
        return 0;
}

/*
 * "*", or more of them. "**" has its meaning for directories only where it is a whole part of a path. Two of those in a row
 * are one: so no character ever leads to more than a few places.
 */
static void take_stars(GlobParser *g, const char *begin) {
        const char *stars = g->p;

        while (g->p < g->end && *g->p == '*')
                g->p++;
        if (g->p - stars == 1)
                add_token(g->glob, GLOB_STAR);
        else if (g->p < g->end && *g->p == '/' && (stars == begin || stars[-1] == '/')) {
                if (g->glob->n == 0 || g->glob->tokens[g->glob->n - 1].kind != GLOB_DIRECTORIES_GO_ON) {
                        add_token(g->glob, GLOB_DIRECTORIES);
                        add_token(g->glob, GLOB_DIRECTORIES_GO_ON);
                }
                g->p++;
        } else
                add_token(g->glob, GLOB_STARS);
}

static int take_tokens(GlobParser *g) {
        const char *begin = g->p;

        while (g->p < g->end) {
                int r = 0;

                if (*g->p == '*')
                        take_stars(g, begin);
                else if (*g->p == '[')
                        r = take_set(g);
                else if (*g->p == '?') {
                        add_token(g->glob, GLOB_ANY);
                        g->p++;
                } else {
                        if (*g->p == '\\' && ++g->p == g->end)
                                return refuse(g, g->p - 1, "nothing is behind the backslash");
                        add_token(g->glob, GLOB_CHARACTER)->character = take_character(&g->p, g->end);
                }
                if (r < 0)
                        return r;
        }
        add_token(g->glob, GLOB_END);
        g->glob->n--;
        return 0;
}

/* Patterns that would silently match nothing: "./NAME" is what one is used to from elsewhere. */
static int check_parts(GlobParser *g) {
        for (const char *p = g->p; p < g->end; p++) {
                size_t n = 0;

                while (p + n < g->end && p[n] != '/')
                        n++;
                if (n == 0 || p + n + 1 == g->end)
                        return refuse(g, NULL, "has two slashes in a row, which no path has");
                if ((n == 1 && p[0] == '.') || (n == 2 && p[0] == '.' && p[1] == '.'))
                        return refuse(g, NULL, "has \"%.*s\" between slashes, which no path has: paths begin below the root of the tree", (int) n, p);
                p += n;
        }
        return 0;
}

/* What slashes at both ends mean. */
static int take_slashes(GlobParser *g) {
        if (*g->p == '/') {
                g->glob->whole = true;
                g->p++;
        }
        if (g->end > g->p && g->end[-1] == '/') {
                g->glob->directories = true;
                g->end--;
        }
        if (g->p == g->end)
                return refuse(g, NULL, "has nothing that could be the name of something");
        if (memchr(g->p, '/', (size_t) (g->end - g->p)))
                g->glob->whole = true;
        return check_parts(g);
}

void mirror_glob_free(MirrorGlob *g) {
        if (!g)
                return;
        free(g->tokens);
        free(g->ranges);
        free(g);
}

int mirror_glob_compile(MirrorGlob **ret, const char *pattern, char **reason) {
        size_t n = strlen(pattern);
        MirrorGlob *glob;
        int r;

        if (reason)
                *reason = NULL;
        if (n > MIRROR_GLOB_MAX) {
                if (reason && asprintf(reason, "a pattern of %zu bytes is too long: %u are taken", n, MIRROR_GLOB_MAX) < 0)
                        *reason = NULL;
                return -EINVAL;
        }
        glob = calloc(1, sizeof(*glob));
        if (!glob)
                return -ENOMEM;
        /* No byte makes more than one of them, "[:punct:]" and the others less. */
        glob->tokens = calloc(n + 2, sizeof(*glob->tokens));
        glob->ranges = calloc(n + 1, sizeof(*glob->ranges));
        r = glob->tokens && glob->ranges ? 0 : -ENOMEM;
        if (r >= 0) {
                GlobParser g = { .glob = glob, .pattern = pattern, .p = pattern, .end = pattern + n, .reason = reason };

                r = take_slashes(&g);
                if (r >= 0)
                        r = take_tokens(&g);
        }
        if (r < 0) {
                mirror_glob_free(glob);
                return r;
        }
        *ret = glob;
        return 0;
}

bool mirror_glob_is_for_directories(const MirrorGlob *g) {
        return g->directories;
}

/* ---- Matching ---------------------------------------------------------------------------------------- */

/* Places in the pattern: those behind which the rest of the path has to match. */
typedef struct GlobPlaces {
        size_t first, last;             /* no others are in; first > last: none */
        bool in[MIRROR_GLOB_MAX + 2];
} GlobPlaces;

static void places_clear(GlobPlaces *s) {
        if (s->first <= s->last)
                memset(s->in + s->first, 0, (s->last - s->first + 1) * sizeof(*s->in));
        s->first = SIZE_MAX;
        s->last = 0;
}

static void places_add_one(GlobPlaces *s, size_t i) {
        s->in[i] = true;
        s->first = MIN2(s->first, i);
        s->last = MAX2(s->last, i);
}

/* With it come those that are reached from it by no text at all. */
static void places_add(const MirrorGlob *g, GlobPlaces *s, size_t i) {
        for (;; i++) {
                GlobKind kind = g->tokens[i].kind;

                places_add_one(s, i);
                if (kind == GLOB_DIRECTORIES)
                        places_add_one(s, ++i);
                else if (kind != GLOB_STAR && kind != GLOB_STARS)
                        return;
        }
}

static bool set_has(const MirrorGlob *g, const GlobToken *set, uint32_t c) {
        const GlobRange *ranges = g->ranges + set->range;

        for (size_t i = 0; i < set->ranges_n; i++)
                if (c >= ranges[i].first && c <= ranges[i].last)
                        return !set->negated;
        return set->negated;
}

/* Where the character takes the place i. */
static void step(const MirrorGlob *g, size_t i, uint32_t c, GlobPlaces *to) {
        const GlobToken *t = g->tokens + i;

        switch (t->kind) {
        case GLOB_CHARACTER:
                if (c == t->character)
                        places_add(g, to, i + 1);
                break;
        case GLOB_ANY:
                if (c != '/')
                        places_add(g, to, i + 1);
                break;
        case GLOB_SET:
                if (c != '/' && set_has(g, t, c))
                        places_add(g, to, i + 1);
                break;
        case GLOB_STAR:
                if (c != '/')
                        places_add(g, to, i);
                break;
        case GLOB_STARS:
                places_add(g, to, i);
                break;
        case GLOB_DIRECTORIES_GO_ON:
                places_add_one(to, i);
                if (c == '/')
                        places_add(g, to, i + 1);
                break;
        case GLOB_DIRECTORIES:
        case GLOB_END:
                break;
        }
}

bool mirror_glob_matches(const MirrorGlob *g, const char *path, bool is_directory) {
        GlobPlaces places[2], *now = places, *next = places + 1;
        const char *slash = strrchr(path, '/'), *p = !g->whole && slash ? slash + 1 : path;
        const char *end = p + strlen(p);

        if (g->directories && !is_directory)
                return false;
        memset(places[0].in, 0, g->n + 1);
        memset(places[1].in, 0, g->n + 1);
        places[0].first = places[1].first = SIZE_MAX;
        places[0].last = places[1].last = 0;
        places_add(g, now, 0);
        while (p < end && now->first <= now->last) {
                uint32_t c = take_character(&p, end);
                GlobPlaces *swap = now;

                for (size_t i = now->first; i <= now->last; i++)
                        if (now->in[i])
                                step(g, i, c, next);
                places_clear(now);
                now = next;
                next = swap;
        }
        return now->in[g->n];
}
