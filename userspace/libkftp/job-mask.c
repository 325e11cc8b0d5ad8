/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Looks for passwords in logical lines, whose bytes know where they come from; a line that cannot be a job's is looked at all the same. */

#include <ctype.h>
#include <strings.h>

#include "job-mask.h"
#include "util.h"

#define PORT_DIGITS_MAX 5U

typedef struct Line {
        char *text;                     /* joined, without NUL bytes, terminated by one */
        size_t *origin;                 /* of each byte */
        size_t n;
        bool *hidden;                   /* of the whole text */
} Line;

static void hide(const Line *l, const char *from, const char *to) {
        for (const char *p = from; p < to; p++)
                l->hidden[l->origin[p - l->text]] = true;
}

/* ---- Passwords in URLs ---------------------------------------------------------------------------- */

/* A host's address in brackets has colons of its own: its end, or where it would begin if there is none. */
static const char *skip_address(const char *p) {
        const char *end = *p == '[' ? p + strcspn(p, "]/@") : p;

        return *end == ']' && strchr(":/ \t", end[1]) ? end + 1 : p;
}

static bool is_port(const char *p) {
        size_t n = strspn(p, "0123456789");

        return n > 0 && n <= PORT_DIGITS_MAX && strchr("/ \t", p[n]);
}

/*
 * What an authority begins with: "user:password@". The password may have anything in it, also what would have to be escaped there, so
 * it ends at the last "@" of the line. A user may be a mail address.
 */
static void hide_in_authority(const Line *l, const char *p, const char *at) {
        for (p = skip_address(p); *p && *p != ':'; p = *p == '@' ? skip_address(p + 1) : p + 1)
                if (*p == '/')
                        return;
        if (*p && at > p && !is_port(p + 1))
                hide(l, p + 1, at);
}

static bool has_scheme(const char *p) {
        while (isalnum((unsigned char) *p))
                p++;
        return startswith(p, "://");
}

/* ---- Keys ----------------------------------------------------------------------------------------- */

/* The value if the key begins so, whatever the case. */
static const char *value_of(const char *line, const char *key) {
        const char *equals = strchr(line, '=');

        return equals && strncasecmp(line, key, strlen(key)) == 0 ? equals + 1 : NULL;
}

static void hide_in_line(const Line *l) {
        const char *start = l->text + strspn(l->text, " \t\r#;"), *at = strrchr(start, '@'), *value;

        /* Password=, which there is not, but which may be written. PasswordFile= is the name of a file. */
        value = startswith(start, "PasswordFile") ? NULL : value_of(start, "pass");
        if (value)
                hide(l, value, l->text + l->n);
        if (!at)
                return;
        /* below that of a remote, where it has no scheme */
        value = value_of(start, "url");
        if (value && !has_scheme(value + strspn(value, " \t")))
                hide_in_authority(l, value + strspn(value, " \t"), at);
        for (const char *p = start; (p = strstr(p, "://"));)
                hide_in_authority(l, p += strlen("://"), at);
}

/* ---- Lines ---------------------------------------------------------------------------------------- */

static bool is_comment(const char *text, size_t from, size_t to) {
        while (from < to && strchr(" \t\r", text[from]) && text[from])
                from++;
        return from < to && (text[from] == '#' || text[from] == ';');
}

static bool continues(const char *text, size_t from, size_t to) {
        size_t n = 0;

        while (to - n > from && text[to - n - 1] == '\\')
                n++;
        return n % 2 == 1;
}

static void join(Line *l, const char *text, size_t from, size_t to) {
        for (; from < to; from++) {
                l->origin[l->n] = from;
                l->text[l->n++] = text[from] ?: ' ';
        }
        l->text[l->n] = '\0';
}

static void finish(Line *l) {
        if (l->n > 0)
                hide_in_line(l);
        l->n = 0;
}

/* A comment in the midst of a line that goes on is left out of it; one that ends in a backslash was a line that went on. */
static void mask_lines(Line *l, Line *comment, const char *text, size_t n) {
        bool goes_on = false;

        for (size_t from = 0, next; from < n; from = next) {
                const char *end = memchr(text + from, '\n', n - from);
                size_t to = end ? (size_t) (end - text) : n;
                bool more;

                next = to + 1;
                to -= to > from && text[to - 1] == '\r';
                if (goes_on && is_comment(text, from, to)) {
                        join(comment, text, from, to);
                        finish(comment);
                        continue;
                }
                more = continues(text, from, to);
                join(l, text, from, to - more);
                goes_on = more;
                if (!goes_on)
                        finish(l);
        }
        finish(l);
}

static int line_init(Line *l, size_t n, bool *hidden) {
        *l = (Line) { .text = malloc(n + 1), .origin = calloc(n + 1, sizeof(*l->origin)), .hidden = hidden };
        return l->text && l->origin ? 0 : -ENOMEM;
}

static void line_done(Line *l) {
        free(l->text);
        free(l->origin);
}

int job_mask(const char *text, size_t n, bool *hidden) {
        __attribute__((cleanup(line_done))) Line line = {}, comment = {};
        size_t mark = n >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;

        memset(hidden, 0, n * sizeof(*hidden));
        if (line_init(&line, n, hidden + mark) < 0 || line_init(&comment, n, hidden + mark) < 0)
                return -ENOMEM;
        mask_lines(&line, &comment, text + mark, n - mark);
        return 0;
}
