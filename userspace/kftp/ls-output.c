// SPDX-License-Identifier: GPL-2.0-or-later
/* How entries of a directory are written: each as it comes, so that memory does not grow with their number. */

#include <gnutls/gnutls.h>
#include <jansson.h>

#include "ls.h"
#include "utf8.h"
#include "util.h"

static int check(FILE *f) {
        return ferror(f) ? (errno > 0 ? -errno : -EIO) : 0;
}

/* ---- For people ------------------------------------------------------------------------------ */

static void write_text(const LsOutput *o, const char *text, size_t n) {
        _cleanup_free_ char *escaped = NULL;

        if (!o->escape) {
                (void) fwrite(text, 1, n, o->file);
                return;
        }
        escaped = kftp_escape(text, n);
        fputs(strempty(escaped), o->file);
}

/* "drwxr-xr-x" */
static void format_mode(const KftpEntry *e, char *ret) {
        static const char types[] = { '-', 'd', 'l', '?' }, letters[] = "rwxrwxrwx";

        ret[0] = types[e->type];
        for (unsigned i = 0; i < 9; i++)
                ret[i + 1] = e->mode == KFTP_MODE_UNKNOWN ? '?' : e->mode & (0400U >> i) ? letters[i] : '-';
        ret[10] = '\0';
        if (e->mode == KFTP_MODE_UNKNOWN)
                return;
        if (e->mode & 04000)
                ret[3] = ret[3] == 'x' ? 's' : 'S';
        if (e->mode & 02000)
                ret[6] = ret[6] == 'x' ? 's' : 'S';
        if (e->mode & 01000)
                ret[9] = ret[9] == 'x' ? 't' : 'T';
}

/* "2024-01-02T03:04:05Z", the year with four digits always: strftime's has fewer for early ones. */
static bool format_time(const KftpEntry *e, char *ret, size_t size) {
        time_t t = (time_t) e->mtime;
        struct tm tm;

        if (e->mtime == KFTP_MTIME_UNKNOWN || !gmtime_r(&t, &tm) || tm.tm_year < -1900 || tm.tm_year > 9999 - 1900)
                return false;
        return snprintf(ret, size, "%04d-%02d-%02dT%02d:%02d:%02dZ", tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday,
                        tm.tm_hour, tm.tm_min, tm.tm_sec) < (int) size;
}

/* "2024-01-02 03:04", and not what is not known of it. */
static void shorten_time(const KftpEntry *e, char *text) {
        text[strcspn(text, "T")] = ' ';
        text[e->mtime_precision >= 86400 ? strlen("2024-01-02") : strlen("2024-01-02 03:04")] = '\0';
}

static void write_long(const LsOutput *o, const KftpEntry *e) {
        char mode[11], mtime[32] = "-", size[24] = "-";

        format_mode(e, mode);
        if (e->size != KFTP_SIZE_UNKNOWN)
                (void) snprintf(size, sizeof(size), "%llu", (unsigned long long) e->size);
        if (format_time(e, mtime, sizeof(mtime)))
                shorten_time(e, mtime);
        fprintf(o->file, "%s %14s %-16s ", mode, size, mtime);
        write_text(o, e->name, e->name_len);
        if (e->target) {
                fputs(" -> ", o->file);
                write_text(o, e->target, e->target_len);
        }
        fputc('\n', o->file);
}

/* ---- For programs ---------------------------------------------------------------------------- */

/* Text as JSON can have it: each byte that is no UTF-8 becomes U+FFFD, and *valid false. */
static json_t *json_text(const char *text, size_t n, bool *valid) {
        static const char replacement[] = "\xef\xbf\xbd";
        _cleanup_free_ char *out = malloc(n * 3 + 1);
        const uint8_t *p = (const uint8_t *) text;
        char *q = out;

        if (!out)
                return NULL;
        *valid = true;
        for (size_t i = 0; i < n; ) {
                uint32_t c;
                size_t length = kftp_utf8_decode(p + i, n - i, &c);

                q = mempcpy(q, length > 0 ? text + i : replacement, length ?: strlen(replacement));
                *valid = *valid && length > 0;
                i += length ?: 1;
        }
        return json_stringn(out, (size_t) (q - out));
}

static json_t *base64(const char *text, size_t n) {
        gnutls_datum_t in = { (unsigned char *) (uintptr_t) text, (unsigned) n }, out;
        json_t *result;

        if (gnutls_base64_encode2(&in, &out) < 0)
                return NULL;
        result = json_stringn((const char *) out.data, out.size);
        gnutls_free(out.data);
        return result;
}

/* The text under this name, and as bytes under name_b64 if it is no text. */
static bool add_text(json_t *root, const char *name, const char *text, size_t n) {
        _cleanup_free_ char *bytes_name = NULL;
        bool valid = true;

        if (!text)
                return json_object_set_new(root, name, json_null()) >= 0;
        if (json_object_set_new(root, name, json_text(text, n, &valid)) < 0)
                return false;
        if (valid)
                return true;
        return asprintf(&bytes_name, "%s_b64", name) >= 0 && json_object_set_new(root, bytes_name, base64(text, n)) >= 0;
}

static json_t *json_entry(const KftpEntry *e) {
        static const char *const types[] = { "file", "dir", "link", "other" };
        json_auto_t *root = json_object();
        char mtime[32], mode[8];
        bool has_mtime, ok;

        if (!root)
                return NULL;
        has_mtime = format_time(e, mtime, sizeof(mtime));
        (void) snprintf(mode, sizeof(mode), "%04o", e->mode & 07777);
        ok = add_text(root, "name", e->name, e->name_len)
                && json_object_set_new(root, "type", json_string(types[e->type])) >= 0
                && json_object_set_new(root, "size", e->size <= INT64_MAX ? json_integer((json_int_t) e->size) : json_null()) >= 0
                && json_object_set_new(root, "mtime", has_mtime ? json_string(mtime) : json_null()) >= 0
                && json_object_set_new(root, "mode", e->mode != KFTP_MODE_UNKNOWN ? json_string(mode) : json_null()) >= 0
                && add_text(root, "target", e->target, e->target_len);
        return ok ? json_incref(root) : NULL;
}

static int write_json(const LsOutput *o, const KftpEntry *e) {
        json_auto_t *root = json_entry(e);

        if (!root)
                return -ENOMEM;
        fputc(o->entries == 0 ? '[' : ',', o->file);
        return json_dumpf(root, o->file, JSON_COMPACT) < 0 ? check(o->file) ?: -EIO : 0;
}

/* ---- Both ------------------------------------------------------------------------------------ */

int ls_entry(void *userdata, const KftpEntry *e) {
        LsOutput *o = userdata;
        int r = 0;

        errno = 0;
        switch (o->form) {
        case LS_JSON:
                r = write_json(o, e);
                break;
        case LS_NAMES:
                write_text(o, e->name, e->name_len);
                fputc('\n', o->file);
                break;
        case LS_LONG:
                write_long(o, e);
                break;
        }
        o->entries++;
        return r < 0 ? r : check(o->file);
}

int ls_end(LsOutput *o) {
        errno = 0;
        if (o->form == LS_JSON)
                fputs(o->entries == 0 ? "[]\n" : "]\n", o->file);
        (void) fflush(o->file);
        return check(o->file);
}
