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
#define MAX_VERSIONED 255               /* bytes of a name that may have several versions */

/* In the order of preference if as many lines speak for one as for another. */
static const KftpListFormat *const formats[] = {
        &kftp_list_mlsd,
        &kftp_list_unix,
        &kftp_list_dos,
        &kftp_list_eplf,
        &kftp_list_netware,
        &kftp_list_vms,
        &kftp_list_os2,
        &kftp_list_as400,
        &kftp_list_mvs,
        &kftp_list_jes,
        &kftp_list_zvm,
        &kftp_list_nonstop,
        &kftp_list_vxworks,
        &kftp_list_os9,
        &kftp_list_wfftp,
        &kftp_list_numeric,
};

typedef struct ListReader {
        KftpListSource source;
        KftpListContext context;
        KftpEntryCallback callback;
        void *userdata;
        KftpListSummary *summary;
        char last[MAX_VERSIONED];       /* the name of the entry before */
        size_t last_len;                /* 0: there is none to be compared with */
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

/*
 * Cuts off the next line in that format (NULL: whatever there is), with the one in which it goes on. *complete is
 * false if more bytes might belong to it.
 */
static const char *next_record(
                const KftpListFormat *format,
                KftpListSource source,
                const char **p,
                const char *end,
                size_t *ret_n,
                bool *complete) {
        const char *record = next_line(p, end, ret_n), *more;
        size_t n;

        *complete = (*p)[-1] == '\n';
        if (source == KFTP_LIST_FROM_REPLY)
                strip_reply(&record, ret_n);
        if (!format || !format->goes_on || *ret_n == 0 || !format->goes_on(record, *ret_n))
                return record;
        *complete = *complete && *p < end;
        if (!*complete || (**p != ' ' && **p != '\t'))
                return record;
        more = next_line(p, end, &n);
        *complete = (*p)[-1] == '\n';
        *ret_n = (size_t) (more + n - record);
        return record;
}

static int parse_line(const KftpListFormat *format, const char *line, size_t n, KftpListContext *context, KftpEntry *ret) {
        return memchr(line, '\0', n) ? KFTP_LIST_NOT : format->parse(line, n, context, ret);
}

/* ---- The format ------------------------------------------------------------------------------ */

typedef struct Vote {
        unsigned lines, entries, others;        /* others: lines such as "total 0" */
        KftpListContext context;
} Vote;

static void start(KftpListContext *c, const KftpListFormat *format, const KftpListKnown *known) {
        *c = (KftpListContext) {
                .now = known->now,
                .utc_offset = known->utc_offset,
                .order = known->format == format ? known->order : KFTP_LIST_MONTH_FIRST,
        };
}

static void vote(const KftpListFormat *format, KftpListSource source, const char *text, size_t n, const KftpListKnown *known, Vote *ret) {
        const char *p = text, *end = text + n;

        *ret = (Vote) {};
        start(&ret->context, format, known);
        while (p < end && ret->lines < VOTERS) {
                KftpEntry e;
                size_t length;
                bool complete;
                const char *line = next_record(format, source, &p, end, &length, &complete);
                int k;

                if (length == 0)
                        continue;
                ret->lines++;
                k = parse_line(format, line, length, &ret->context, &e);
                ret->entries += k > KFTP_LIST_NOTHING;
                ret->others += k == KFTP_LIST_NOTHING;
        }
}

/* The order against which the least speaks; the one before if it is as good as any. */
static enum kftp_list_order best_order(const KftpListFormat *format, const KftpListContext *c) {
        enum kftp_list_order best = c->order;

        for (enum kftp_list_order i = 0; i < KFTP_LIST_ORDERS; i++)
                if (c->impossible[i] < c->impossible[best] && (i != KFTP_LIST_YEAR_FIRST || format->year_first))
                        best = i;
        return best;
}

/* The first lines are words without blanks, all of them. */
static bool only_names(KftpListSource source, const char *text, size_t n) {
        const char *p = text, *end = text + n;
        unsigned lines = 0;

        while (p < end && lines < VOTERS) {
                size_t length;
                bool complete;
                const char *line = next_record(NULL, source, &p, end, &length, &complete);

                for (size_t i = 0; i < length; i++)
                        if ((unsigned char) line[i] <= ' ')
                                return false;
                lines += length > 0;
        }
        return lines > 0;
}

/* Entries speak for a format twice as loud as lines that only belong to it. */
static const KftpListFormat *guess(KftpListSource source, const char *text, size_t n, const KftpListKnown *known, KftpListContext *context) {
        const KftpListFormat *best = NULL;
        unsigned most = 0;
        Vote v = {};

        *context = (KftpListContext) {};
        if (known->format) {
                vote(known->format, source, text, n, known, &v);
                if (v.entries > 0 && 2 * v.entries >= v.lines)
                        best = known->format;
        }
        for (size_t i = 0; (!best || most > 0) && i < ELEMENTS(formats); i++) {
                Vote w;

                vote(formats[i], source, text, n, known, &w);
                if (2 * w.entries + w.others > most) {
                        most = 2 * w.entries + w.others;
                        best = formats[i];
                        v = w;
                }
        }
        if (!best && only_names(source, text, n))
                best = &kftp_list_names;
        if (!best)
                return NULL;
        start(context, best, known);
        if (best != &kftp_list_names)
                context->order = best_order(best, &v.context);
        return best;
}

const KftpListFormat *kftp_list_guess(const char *text, size_t n, const KftpListKnown *known) {
        KftpListContext context;

        return guess(KFTP_LIST_FROM_DATA, text, n, known, &context);
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

/* An older version of the entry before. */
static bool is_older(ListReader *r, const KftpEntry *e) {
        bool older = r->last_len > 0 && e->name_len == r->last_len && memcmp(e->name, r->last, r->last_len) == 0;

        r->last_len = 0;
        if (r->summary->format->versions && e->name_len <= sizeof(r->last)) {
                memcpy(r->last, e->name, e->name_len);
                r->last_len = e->name_len;
        }
        return older;
}

static int take_line(ListReader *r, const char *line, size_t n) {
        KftpListSummary *s = r->summary;
        KftpEntry e;
        int k;

        if (n == 0)
                return 0;
        s->lines++;
        k = s->format ? parse_line(s->format, line, n, &r->context, &e) : KFTP_LIST_NOT;
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
        if (is_older(r, &e))
                return 0;
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

        while (p < end) {
                const char *begin = p;
                size_t length;
                bool complete;
                const char *line = next_record(r->summary->format, r->source, &p, end, &length, &complete);
                int k;

                if (!complete && !end_of_file)
                        return begin - buffer;
                k = take_line(r, line, length);
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

static int read_lines(ListReader *r, int fd, char *buffer, const KftpListKnown *known) {
        Position p = {};
        bool ebcdic = false;

        for (bool first = true;; first = false) {
                ssize_t got = fill(fd, buffer, p.have, p.offset), taken;
                size_t skipped = 0;

                if (got < 0)
                        return (int) got;
                ebcdic = first ? kftp_list_is_ebcdic(buffer, (size_t) got) : ebcdic;
                if (ebcdic)
                        kftp_list_from_ebcdic(buffer + p.have, (size_t) got);
                p.offset += got;
                p.have += (size_t) got;
                if (p.have == 0)
                        return 0;
                if (first) {
                        r->summary->format = guess(r->source, buffer, p.have, known, &r->context);
                        r->summary->order = r->context.order;
                }
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

int kftp_list_read(
                int fd,
                KftpListSource source,
                const KftpListKnown *known,
                KftpEntryCallback callback,
                void *userdata,
                KftpListSummary *ret) {
        ListReader r = { .source = source, .callback = callback, .userdata = userdata, .summary = ret };
        _cleanup_free_ char *buffer = malloc(BUFFER_SIZE);

        *ret = (KftpListSummary) {};
        if (!buffer)
                return -ENOMEM;
        return read_lines(&r, fd, buffer, known);
}
