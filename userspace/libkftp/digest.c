// SPDX-License-Identifier: LGPL-2.1-or-later
/* Hashes of local files, and those that servers tell. */

#include <ctype.h>
#include <fcntl.h>
#include <gnutls/crypto.h>

#include "control.h"
#include "digest.h"
#include "util.h"

#define BUFFER_SIZE (256 * 1024)

/* From strong to weak. */
static const struct {
        enum kftp_digest digest;
        const char *name;
        size_t size;
        gnutls_digest_algorithm_t algorithm;
        uint64_t feat;
} digests[] = {
        { KFTP_DIGEST_SHA512, "SHA-512", 64, GNUTLS_DIG_SHA512,  KFTP_FEAT_HASH_SHA512 | KFTP_FEAT_XSHA512 },
        { KFTP_DIGEST_SHA256, "SHA-256", 32, GNUTLS_DIG_SHA256,  KFTP_FEAT_HASH_SHA256 | KFTP_FEAT_XSHA256 },
        { KFTP_DIGEST_SHA1,   "SHA-1",   20, GNUTLS_DIG_SHA1,    KFTP_FEAT_HASH_SHA1 | KFTP_FEAT_XSHA      },
        { KFTP_DIGEST_MD5,    "MD5",     16, GNUTLS_DIG_MD5,     KFTP_FEAT_HASH_MD5 | KFTP_FEAT_XMD5       },
        { KFTP_DIGEST_CRC32,  "CRC32",   4,  GNUTLS_DIG_UNKNOWN, KFTP_FEAT_HASH_CRC32 | KFTP_FEAT_XCRC     },
};

static size_t row_of(enum kftp_digest d) {
        for (size_t i = 0; i < ELEMENTS(digests); i++)
                if (digests[i].digest == d)
                        return i;
        abort();
}

enum kftp_digest kftp_digest_choose(uint64_t feat) {
        for (size_t i = 0; i < ELEMENTS(digests); i++)
                if (feat & digests[i].feat)
                        return digests[i].digest;
        return KFTP_DIGEST_NONE;
}

size_t kftp_digest_size(enum kftp_digest d) {
        return digests[row_of(d)].size;
}

const char *kftp_digest_name(enum kftp_digest d) {
        return digests[row_of(d)].name;
}

/* ---- Computed here --------------------------------------------------------------------------- */

struct KftpHash {
        gnutls_hash_hd_t handle;        /* NULL: CRC-32 */
        uint32_t crc;
};

/* ISO 3309, bit by bit from a table of 16: it is read from a file, which takes longer. */
static uint32_t crc32_add(uint32_t crc, const uint8_t *p, size_t n) {
        static const uint32_t nibbles[16] = {
                0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac, 0x76dc4190, 0x6b6b51f4, 0x4db26158, 0x5005713c,
                0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c, 0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c,
        };

        for (; n > 0; n--, p++) {
                crc ^= *p;
                crc = crc >> 4 ^ nibbles[crc & 15];
                crc = crc >> 4 ^ nibbles[crc & 15];
        }
        return crc;
}

KftpHash *kftp_hash_new(enum kftp_digest d) {
        KftpHash *h = calloc(1, sizeof(*h));

        if (!h)
                return NULL;
        h->crc = UINT32_MAX;
        if (d != KFTP_DIGEST_CRC32 && gnutls_hash_init(&h->handle, digests[row_of(d)].algorithm) < 0) {
                free(h);
                return NULL;
        }
        return h;
}

void kftp_hash_add(KftpHash *h, const void *data, size_t n) {
        if (h->handle)
                (void) gnutls_hash(h->handle, data, n);
        else
                h->crc = crc32_add(h->crc, data, n);
}

void kftp_hash_end(KftpHash *h, uint8_t ret[KFTP_DIGEST_MAX]) {
        uint32_t crc = ~h->crc;

        if (h->handle) {
                gnutls_hash_output(h->handle, ret);
                return;
        }
        for (int i = 3; i >= 0; i--, crc >>= 8)
                ret[i] = (uint8_t) crc;
}

void kftp_hash_free(KftpHash *h) {
        if (!h)
                return;
        if (h->handle)
                gnutls_hash_deinit(h->handle, NULL);
        free(h);
}
DEFINE_CLEANUP(KftpHash *, kftp_hash_free)

int kftp_hash_file(int fd, enum kftp_digest d, const KftpControl *control, uint8_t ret[KFTP_DIGEST_MAX]) {
        _cleanup_(kftp_hash_freep) KftpHash *h = kftp_hash_new(d);
        _cleanup_free_ uint8_t *buffer = malloc(BUFFER_SIZE);
        off_t position = 0;

        if (!h || !buffer)
                return -ENOMEM;
        (void) posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
        for (;;) {
                ssize_t n = pread(fd, buffer, BUFFER_SIZE, position);

                if (kftp_control_cancelled(control))
                        return -ECANCELED;
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return -errno;
                if (n == 0)
                        break;
                kftp_hash_add(h, buffer, (size_t) n);
                position += n;
        }
        kftp_hash_end(h, ret);
        return 0;
}

char *kftp_hash_format(enum kftp_digest d, const uint8_t hash[KFTP_DIGEST_MAX]) {
        size_t n = kftp_digest_size(d);
        char *text = malloc(2 * n + 1);

        for (size_t i = 0; text && i < n; i++)
                (void) sprintf(text + 2 * i, "%02x", hash[i]);
        return text;
}

/* ---- Told by the server ---------------------------------------------------------------------- */

static int hex_value(char c) {
        if (c >= '0' && c <= '9')
                return c - '0';
        c = (char) (c | 0x20);
        return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The word as a hash: digits in full number, for a CRC also without its leading zeros. */
static bool word_to_hash(const char *word, size_t n, size_t size, uint8_t *ret) {
        uint8_t hash[KFTP_DIGEST_MAX] = {};

        if (n > 2 && word[0] == '0' && (word[1] | 0x20) == 'x') {
                word += 2;
                n -= 2;
        }
        if (n == 0 || n > 2 * size || (n < 2 * size && size > 4))
                return false;
        for (size_t i = 0; i < n; i++) {
                size_t nibble = 2 * size - n + i;

                if (hex_value(word[i]) < 0)
                        return false;
                hash[nibble / 2] |= (uint8_t) (hex_value(word[i]) << (nibble % 2 ? 0 : 4));
        }
        memcpy(ret, hash, size);
        return true;
}

/* The path may look like a hash itself: it is blanked out, where it stands alone. */
static void blank_path(char *text, const char *path) {
        size_t n = strlen(path);

        for (char *p = text; n > 0 && (p = strstr(p, path)); p += n)
                if ((p == text || strchr(" \"'/", p[-1])) && (!p[n] || strchr(" \"'\r", p[n])))
                        memset(p, ' ', n);
}

/* All hashes of the right length in text must be the same one. */
static int find_hash(char *text, size_t size, bool short_ones, uint8_t *ret) {
        char *state = NULL;
        bool found = false;

        for (char *word = strtok_r(text, " \t\"'=:;,()<>\r\n", &state); word; word = strtok_r(NULL, " \t\"'=:;,()<>\r\n", &state)) {
                uint8_t hash[KFTP_DIGEST_MAX];
                size_t n = strlen(word);

                if (!short_ones && n < 2 * size)
                        continue;
                if (!word_to_hash(word, n, size, hash))
                        continue;
                if (found && memcmp(ret, hash, size) != 0)
                        return -EBADMSG;
                memcpy(ret, hash, size);
                found = true;
        }
        return found ? 0 : -EBADMSG;
}

int kftp_hash_parse(const char *text, size_t n, const char *path, enum kftp_digest d, uint8_t ret[KFTP_DIGEST_MAX]) {
        _cleanup_free_ char *copy = NULL, *again = NULL;
        const char *slash = strrchr(path, '/');
        size_t size = kftp_digest_size(d);

        /* behind the code */
        if (n < 4 || memchr(text, '\0', n))
                return -EBADMSG;
        copy = strndup(text + 4, n - 4);
        if (!copy)
                return -ENOMEM;
        blank_path(copy, path);
        if (slash && slash[1])
                blank_path(copy, slash + 1);
        again = strdup(copy);
        if (!again)
                return -ENOMEM;
        if (find_hash(copy, size, false, ret) >= 0)
                return 0;
        /* a CRC written as a number */
        return size == 4 ? find_hash(again, size, true, ret) : -EBADMSG;
}
