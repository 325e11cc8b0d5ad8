// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * A listing from its first byte to its last: lines are cut out of a buffer of bounded size, the format is
 * chosen by the first of them and kept, and each entry is handed on before the next one is read.
 */

#include "list.h"
#include "util.h"

#define BUFFER_SIZE (64U << 10)
#define MAX_LINE (16U << 10)            /* a name of 4096 bytes, its target, and more facts than there are */
#define VOTERS 64

/* In the order of preference if as many lines speak for one as for another. */
static const KftpListFormat *const formats[] = {
        &kftp_list_mlsd,
        &kftp_list_unix,
        &kftp_list_dos,
};

typedef struct ListReader {
        KftpListSource source;
        int64_t now;
        KftpEntryCallback callback;
        void *userdata;
        KftpListSummary *summary;
} ListReader;

void kftp_list_summary_done(KftpListSummary *s) {
        free(s->bad_line);
        *s = (KftpListSummary) {};
}

/* ---- Lines ----------------------------------------------------------------------------------- */

/* Cuts off the next line, without its end; *p goes behind it. A last line need not have an end. */
static const char *next_line(const char **p, const char *end, size_t *ret_n) {
        const char *line = *p, *newline = memchr(line, '\n', (size_t) (end - line));

        *p = newline ? newline + 1 : end;
        newline = newline ?: end;
        while (newline > line && newline[-1] == '\r')
                newline--;
        *ret_n = (size_t) (newline - line);
        return line;
}

/* In a reply each line begins with a space (RFC 3659 section 7.2), or with the code as the first one does. */
static void strip_reply(const char **line, size_t *n) {
        static const char digits[] = "0123456789";
        size_t skip = 0;

        if (*n >= 4 && (*line)[3] == '-' && strspn(*line, digits) == 3)
                skip = 4;
        if (skip < *n && (*line)[skip] == ' ')
                skip++;
        *line += skip;
        *n -= skip;
}

static int parse_line(const KftpListFormat *format, const char *line, size_t n, int64_t now, KftpEntry *ret) {
        return memchr(line, '\0', n) ? KFTP_LIST_NOT : format->parse(line, n, now, ret);
}

/* ---- The format ------------------------------------------------------------------------------ */

/* Entries speak for a format, lines such as "total 0" only where there is nothing else. */
static unsigned votes(const KftpListFormat *format, KftpListSource source, const char *text, size_t n, int64_t now) {
        const char *p = text, *end = text + n;
        unsigned lines = 0, sum = 0;

        while (p < end && lines < VOTERS) {
                KftpEntry e;
                size_t length;
                const char *line = next_line(&p, end, &length);
                int k;

                if (source == KFTP_LIST_FROM_REPLY)
                        strip_reply(&line, &length);
                if (length == 0)
                        continue;
                lines++;
                k = parse_line(format, line, length, now, &e);
                sum += k == KFTP_LIST_NOT ? 0 : k == KFTP_LIST_NOTHING ? 1 : 2;
        }
        return sum;
}

static const KftpListFormat *guess(KftpListSource source, const char *text, size_t n, int64_t now) {
        const KftpListFormat *best = NULL;
        unsigned most = 0;

        for (size_t i = 0; i < ELEMENTS(formats); i++) {
                unsigned k = votes(formats[i], source, text, n, now);

                if (k > most) {
                        most = k;
                        best = formats[i];
                }
        }
        return best;
}

const KftpListFormat *kftp_list_guess(const char *text, size_t n, int64_t now) {
        return guess(KFTP_LIST_FROM_DATA, text, n, now);
}

/* ---- Entries --------------------------------------------------------------------------------- */

static bool is_dot(const KftpEntry *e) {
        return (e->name_len == 1 && e->name[0] == '.') || (e->name_len == 2 && memcmp(e->name, "..", 2) == 0);
}

static void note_bad(KftpListSummary *s, const char *line, size_t n) {
        s->bad++;
        if (!s->bad_line)
                s->bad_line = kftp_escape(line, MIN2(n, (size_t) 200));
}

static int take_line(ListReader *r, const char *line, size_t n) {
        KftpListSummary *s = r->summary;
        KftpEntry e;
        int k;

        if (r->source == KFTP_LIST_FROM_REPLY)
                strip_reply(&line, &n);
        if (n == 0)
                return 0;
        s->lines++;
        k = s->format ? parse_line(s->format, line, n, r->now, &e) : KFTP_LIST_NOT;
        switch (k) {
        case KFTP_LIST_NOT:
                note_bad(s, line, n);
                return 0;
        case KFTP_LIST_NOTHING:
                return 0;
        default:
                break;
        }
        /* Some servers mark directories (ls -F, -p); a slash cannot be part of the name. */
        if (e.type == KFTP_ENTRY_DIR && e.name_len > 1 && e.name[e.name_len - 1] == '/')
                e.name_len--;
        if (k == KFTP_LIST_DOT || is_dot(&e)) {
                s->dots = true;
                return 0;
        }
        s->entries++;
        s->directories += e.type == KFTP_ENTRY_DIR;
        return r->callback(r->userdata, &e);
}

/* ---- The file -------------------------------------------------------------------------------- */

/* Fills the buffer up; 0 at the end of the file. */
static ssize_t fill(int fd, char *buffer, size_t have, off_t offset) {
        ssize_t k;

        do
                k = pread(fd, buffer + have, BUFFER_SIZE - have, offset);
        while (k < 0 && errno == EINTR);
        return k < 0 ? -errno : k;
}

/* Takes the complete lines out of the buffer, at the end of the file all. Returns how many bytes it has taken. */
static ssize_t take_lines(ListReader *r, const char *buffer, size_t n, bool end_of_file) {
        const char *p = buffer, *end = buffer + n;

        while (p < end && (end_of_file || memchr(p, '\n', (size_t) (end - p)))) {
                size_t length;
                const char *line = next_line(&p, end, &length);
                int k = take_line(r, line, length);

                if (k < 0)
                        return k;
        }
        return p - buffer;
}

typedef struct Position {
        off_t offset;                   /* of what is read next */
        size_t have;                    /* bytes in the buffer */
        bool overlong;                  /* the line that the buffer begins with was too long and has been counted */
} Position;

/* A line that does not end: it is counted once, and what there is of it thrown away. */
static size_t drop_overlong(ListReader *r, Position *p, const char *buffer) {
        if (!p->overlong) {
                r->summary->lines++;
                note_bad(r->summary, buffer, p->have);
        }
        p->overlong = true;
        return p->have;
}

/* What is left of a line that was too long. */
static size_t end_overlong(Position *p, const char *buffer) {
        const char *newline = memchr(buffer, '\n', p->have);

        if (!newline)
                return p->have;
        p->overlong = false;
        return (size_t) (newline + 1 - buffer);
}

static int read_lines(ListReader *r, int fd, char *buffer) {
        Position p = {};

        for (bool first = true;; first = false) {
                ssize_t got = fill(fd, buffer, p.have, p.offset), taken;
                size_t skipped = 0;

                if (got < 0)
                        return (int) got;
                p.offset += got;
                p.have += (size_t) got;
                if (p.have == 0)
                        return 0;
                if (first)
                        r->summary->format = guess(r->source, buffer, p.have, r->now);
                if (p.overlong)
                        skipped = end_overlong(&p, buffer);
                taken = take_lines(r, buffer + skipped, p.have - skipped, got == 0);
                if (taken < 0)
                        return (int) taken;
                skipped += (size_t) taken;
                if (skipped == 0 && p.have > MAX_LINE)
                        skipped = drop_overlong(r, &p, buffer);
                p.have -= skipped;
                memmove(buffer, buffer + skipped, p.have);
        }
}

int kftp_list_read(int fd, KftpListSource source, int64_t now, KftpEntryCallback callback, void *userdata, KftpListSummary *ret) {
        ListReader r = { .source = source, .now = now, .callback = callback, .userdata = userdata, .summary = ret };
        _cleanup_free_ char *buffer = malloc(BUFFER_SIZE);

        *ret = (KftpListSummary) {};
        if (!buffer)
                return -ENOMEM;
        return read_lines(&r, fd, buffer);
}
