// SPDX-License-Identifier: LGPL-2.1-or-later
/* The names of an upload on the server: pure functions of text. */

#include <ctype.h>
#include <inttypes.h>

#include "put-names.h"
#include "utf8.h"
#include "util.h"

#define KEY_DIGITS 16

char *kftp_remote_join(const char *directory, const char *name) {
        size_t n = strlen(directory);
        char *path;

        return asprintf(&path, "%s%s%s", directory, n > 0 && directory[n - 1] != '/' ? "/" : "", name) < 0 ? NULL : path;
}

const char *kftp_remote_base(const char *path) {
        const char *slash = strrchr(path, '/');

        return slash ? slash + 1 : path;
}

char *kftp_remote_directory(const char *path) {
        return strndup(path, (size_t) (kftp_remote_base(path) - path));
}

static uint64_t hash_bytes(uint64_t h, const void *data, size_t n) {
        const uint8_t *p = data;

        for (size_t i = 0; i < n; i++)
                h = (h ^ p[i]) * UINT64_C(0x100000001b3);
        return h;
}

/* FNV-1a. It is the same on all machines: a part may be gone on with from another one. */
uint64_t kftp_put_key(const char *name, uint64_t size, int64_t mtime_nsec, bool protected) {
        uint64_t h = UINT64_C(0xcbf29ce484222325);
        char numbers[64];

        h = hash_bytes(h, name, strlen(name) + 1);
        (void) snprintf(numbers, sizeof(numbers), "%" PRIu64 " %" PRId64 "%s", size, mtime_nsec, protected ? " tls" : "");
        return hash_bytes(h, numbers, strlen(numbers));
}

char *kftp_put_temporary(const char *name, uint64_t key, bool hidden) {
        const size_t more = (hidden ? 1 : 0) + strlen(".kftp-") + KEY_DIGITS;
        size_t keep = strlen(name);
        char *result;

        if (keep + more > KFTP_REMOTE_NAME_MAX) {
                keep = KFTP_REMOTE_NAME_MAX - more;
                while (keep > 0 && ((uint8_t) name[keep] & 0xc0) == 0x80)
                        keep--;
        }
        return asprintf(&result, "%s%.*s.kftp-%016" PRIx64, hidden ? "." : "", (int) keep, name, key) < 0 ? NULL : result;
}

/* Text up to the end of the line without what may stand around a name there. */
static char *take_name(const char *p, const char *end, const char *closing) {
        while (p < end && *p == ' ')
                p++;
        for (const char *q = p; *closing && q < end; q++)
                if (*q == *closing) {
                        end = q;
                        break;
                }
        while (end > p && (end[-1] == ' ' || end[-1] == '\r' || end[-1] == '\n'))
                end--;
        for (const char *q = p; q < end; q++)
                if ((uint8_t) *q < 0x20 || *q == 0x7f)
                        return NULL;
        return end > p ? strndup(p, (size_t) (end - p)) : NULL;
}

char *kftp_put_unique_name(const char *line, size_t n) {
        static const struct {
                const char *before, *closing;
        } forms[] = {
                { "FILE:",             ""  },   /* RFC 1123 section 4.1.2.9 */
                { "unique file name:", ")" },   /* BSD */
                { "unique name:",      ")" },
        };
        const char *end = line + n;

        if (n < 4 || (line[0] != '1' && line[0] != '2'))
                return NULL;
        for (size_t i = 0; i < ELEMENTS(forms); i++) {
                size_t length = strlen(forms[i].before);

                for (const char *p = line + 4; p + length < end; p++)
                        if (strncasecmp(p, forms[i].before, length) == 0)
                                return take_name(p + length, end, forms[i].closing);
        }
        return NULL;
}

bool kftp_put_name_is_odd(const char *name) {
        for (const char *p = name; *p; p++)
                if (!isalnum((unsigned char) *p) && !strchr("._-+,=@%", *p))
                        return true;
        return false;
}

/* Part of a character that many systems compose with the one before it: the name then has other bytes. */
static bool is_combining(uint32_t c) {
        static const struct {
                uint32_t first, last;
        } ranges[] = {
                { 0x300, 0x36f }, { 0x1100, 0x11ff }, { 0x1ab0, 0x1aff }, { 0x1dc0, 0x1dff }, { 0x20d0, 0x20ff }, { 0x3099, 0x309a },
                { 0xfe20, 0xfe2f },
        };

        for (size_t i = 0; i < ELEMENTS(ranges); i++)
                if (c >= ranges[i].first && c <= ranges[i].last)
                        return true;
        return false;
}

bool kftp_put_name_is_fragile(const char *name) {
        const uint8_t *p = (const uint8_t *) name, *end = p + strlen(name);
        uint32_t c;

        if (p == end || *name == ' ' || strchr(" .", name[strlen(name) - 1]) || strpbrk(name, "\\:*?\"<>|"))
                return true;
        for (size_t n; p < end; p += n) {
                n = kftp_utf8_decode(p, (size_t) (end - p), &c);
                if (n == 0 || is_combining(c))
                        return true;
        }
        return false;
}

bool kftp_mlst_is_named(const char *line, size_t n, const char *name) {
        const char *end = line + n, *path = line;
        size_t length = strlen(name);

        while (end > line && (end[-1] == '\r' || end[-1] == '\n'))
                end--;
        while (path < end && *path == ' ')
                path++;
        /* Facts hold no space; the first one is in front of the path. */
        path = memchr(path, ' ', (size_t) (end - path));
        if (!path || (size_t) (end - path - 1) < length || memcmp(end - length, name, length) != 0)
                return false;
        return end - length == path + 1 || end[-(ptrdiff_t) length - 1] == '/';
}
