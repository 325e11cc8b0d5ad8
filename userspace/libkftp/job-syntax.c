/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Splits the text of a job file into sections and assignments, as systemd.syntax(7) has it. Lines
 * that end in a backslash are joined into one logical line, comments between them left out; a
 * table of origins remembers where each byte came from, so that a diagnosis can point at it.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "job-syntax.h"

static bool is_blank(char c) {
        return c == ' ' || c == '\t' || c == '\r';
}

/* How long the byte order mark at the begin is, if there is one. */
static size_t byte_order_mark(const char *text, size_t n) {
        return n >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
}

int job_text_init(JobText *t, const char *text, size_t n, size_t base) {
        *t = (JobText) { .text = text, .n = n, .base = base, .next = byte_order_mark(text, n) };

        t->line = malloc(n + 1);
        t->origin = calloc(n + 1, sizeof(uint32_t));
        if (!t->line || !t->origin) {
                job_text_done(t);
                return -ENOMEM;
        }
        return 0;
}

void job_text_done(JobText *t) {
        free(t->line);
        free(t->origin);
        *t = (JobText) {};
}

/* The length of the well-formed UTF-8 sequence at s (RFC 3629), 0 if there is none. */
static size_t utf8_length(const unsigned char *s, size_t n) {
        size_t length = s[0] < 0x80 ? 1 : s[0] < 0xc2 ? 0 : s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : s[0] < 0xf5 ? 4 : 0;

        if (length == 0 || length > n)
                return 0;
        for (size_t i = 1; i < length; i++)
                if ((s[i] & 0xc0) != 0x80)
                        return 0;
        if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) ||   /* overlong, surrogates */
            (s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] > 0x8f))     /* overlong, beyond U+10FFFF */
                return 0;
        return length;
}

bool job_text_find_bad(const char *text, size_t n, size_t *at, const char **what) {
        const unsigned char *s = (const unsigned char *) text;
        size_t length;

        for (size_t i = 0; i < n; i += length) {
                *at = i;
                length = utf8_length(s + i, n - i);
                if (length == 0) {
                        *what = "is not valid UTF-8";
                        return true;
                }
                if ((s[i] < 0x20 && s[i] != '\t' && s[i] != '\n' && s[i] != '\r') || s[i] == 0x7f) {
                        *what = s[i] == 0 ? "is a NUL byte" : "is a control byte";
                        return true;
                }
        }
        return false;
}

/* Appends [from, to) of the text to the logical line. */
static size_t join(JobText *t, size_t at, size_t from, size_t to) {
        for (; from < to; from++, at++) {
                t->line[at] = t->text[from];
                t->origin[at] = (uint32_t) (t->base + from);
        }
        return at;
}

/* Takes one physical line: its first byte that is not blank, and its end without the line's end. */
static bool physical_line(JobText *t, size_t *from, size_t *to) {
        const char *newline;
        size_t end;

        if (t->next >= t->n)
                return false;

        newline = memchr(t->text + t->next, '\n', t->n - t->next);
        end = newline ? (size_t) (newline - t->text) : t->n;

        *from = t->next;
        t->next = newline ? end + 1 : end;
        if (end > *from && t->text[end - 1] == '\r')
                end--;
        while (*from < end && is_blank(t->text[*from]))
                (*from)++;
        *to = end;
        return true;
}

static bool is_comment(const JobText *t, size_t from, size_t to) {
        return from < to && (t->text[from] == '#' || t->text[from] == ';');
}

/* Whether the line ends in a backslash that is not itself escaped. */
static bool continues(const JobText *t, size_t from, size_t to) {
        size_t n = 0;

        while (to - n > from && t->text[to - n - 1] == '\\')
                n++;
        return n % 2 == 1;
}

static size_t trim(JobText *t, size_t n) {
        while (n > 0 && is_blank(t->line[n - 1]))
                n--;
        t->line[n] = '\0';
        return n;
}

/* Reads the next logical line that is neither blank nor a comment; returns its length, 0 at the end. */
static size_t logical_line(JobText *t) {
        size_t n = 0, from, to;
        bool more;

        while (physical_line(t, &from, &to)) {
                if (is_comment(t, from, to))
                        continue;

                more = continues(t, from, to);
                n = join(t, n, from, more ? to - 1 : to);
                t->origin[n] = (uint32_t) (t->base + (more ? to - 1 : to));
                if (more) {
                        t->line[n++] = ' ';
                        t->origin[n] = (uint32_t) (t->base + to);
                        continue;
                }

                n = trim(t, n);
                if (n > 0)
                        return n;
        }
        return trim(t, n);      /* a backslash at the end of the file */
}

JobItemType job_text_next(JobText *t, JobItem *ret) {
        char *start = t->line, *equals, *end;
        size_t n;

        *ret = (JobItem) {};
        n = logical_line(t);
        if (n == 0)
                return ret->type = JOB_ITEM_END;

        while (is_blank(*start))        /* a line that is only a backslash went before */
                start++;
        ret->key = start;
        ret->key_at = t->origin[start - t->line];

        if (*start == '[') {
                end = t->line + n - 1;
                if (*end != ']' || end == start + 1)
                        return ret->type = JOB_ITEM_GARBAGE;
                *end = '\0';
                ret->key++;
                return ret->type = JOB_ITEM_SECTION;
        }

        equals = strchr(start, '=');
        if (!equals || equals == start)
                return ret->type = JOB_ITEM_GARBAGE;

        ret->value = equals + 1;
        while (is_blank(*ret->value))
                ret->value++;
        ret->value_origin = t->origin + (ret->value - t->line);

        for (end = equals; is_blank(end[-1]); end--)
                ;
        *end = '\0';
        return ret->type = JOB_ITEM_ASSIGNMENT;
}

JobPlace job_text_place(const char *text, size_t n, size_t offset) {
        JobPlace p = { .line = 1, .column = 1 };

        if (offset > n)
                offset = n;
        for (size_t i = byte_order_mark(text, n); i < offset; i++) {
                if (text[i] == '\n') {
                        p.line++;
                        p.column = 1;
                } else if (((unsigned char) text[i] & 0xc0) != 0x80)
                        p.column++;
        }
        return p;
}
