/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Hashes: which is chosen, what they are of known texts, and how servers tell them. */

#include "directory.h"

#include <fcntl.h>

#include "libkftp/control.h"
#include "libkftp/digest.h"
#include "util.h"

#define SHA256_ABC "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
#define MD5_ABC "900150983cd24fb0d6963f7d28e17f72"

/* Of "abc" (FIPS 180-2, RFC 1321; the CRC as of gzip). */
static const struct {
        enum kftp_digest digest;
        const char *hex;
} known[] = {
        { KFTP_DIGEST_SHA512, "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
                              "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f" },
        { KFTP_DIGEST_SHA256, SHA256_ABC                                                         },
        { KFTP_DIGEST_SHA1,   "a9993e364706816aba3e25717850c26c9cd0d89d"                         },
        { KFTP_DIGEST_MD5,    MD5_ABC                                                            },
        { KFTP_DIGEST_CRC32,  "352441c2"                                                         },
};

static void test_known(void **state) {
        _cleanup_close_ int fd = -1;

        (void) state;
        test_write_file("abc", "abc");
        fd = open("abc", O_RDONLY | O_CLOEXEC);
        for (size_t i = 0; i < ELEMENTS(known); i++) {
                uint8_t hash[KFTP_DIGEST_MAX];
                _cleanup_free_ char *hex = NULL, *pieces = NULL;
                KftpHash *h = kftp_hash_new(known[i].digest);

                assert_int_equal(kftp_hash_file(fd, known[i].digest, NULL, hash), 0);
                hex = kftp_hash_format(known[i].digest, hash);
                assert_string_equal(hex, known[i].hex);
                kftp_hash_add(h, "a", 1);
                kftp_hash_add(h, "", 0);
                kftp_hash_add(h, "bc", 2);
                kftp_hash_end(h, hash);
                kftp_hash_free(h);
                pieces = kftp_hash_format(known[i].digest, hash);
                assert_string_equal(pieces, known[i].hex);
        }
}

static void test_file_errors(void **state) {
        uint8_t hash[KFTP_DIGEST_MAX];
        KftpControl *control;
        _cleanup_close_ int fd = -1;

        (void) state;
        test_write_file("abc", "abc");
        fd = open("abc", O_WRONLY | O_CLOEXEC);
        assert_int_equal(kftp_hash_file(fd, KFTP_DIGEST_MD5, NULL, hash), -EBADF);
        assert_int_equal(kftp_control_new(&control), 0);
        kftp_control_cancel(control);
        safe_close(fd);
        fd = open("abc", O_RDONLY | O_CLOEXEC);
        assert_int_equal(kftp_hash_file(fd, KFTP_DIGEST_MD5, control, hash), -ECANCELED);
        kftp_control_free(control);
}

static void test_choice(void **state) {
        (void) state;
        assert_int_equal(kftp_digest_choose(0), KFTP_DIGEST_NONE);
        assert_int_equal(kftp_digest_choose(KFTP_FEAT_HASH | KFTP_FEAT_SIZE), KFTP_DIGEST_NONE);
        assert_int_equal(kftp_digest_choose(KFTP_FEAT_XCRC | KFTP_FEAT_XMD5), KFTP_DIGEST_MD5);
        assert_int_equal(kftp_digest_choose(KFTP_FEAT_XCRC), KFTP_DIGEST_CRC32);
        assert_int_equal(kftp_digest_choose(KFTP_FEAT_XSHA | KFTP_FEAT_HASH_MD5), KFTP_DIGEST_SHA1);
        assert_int_equal(kftp_digest_choose(KFTP_FEAT_XSHA | KFTP_FEAT_HASH_SHA256), KFTP_DIGEST_SHA256);
        assert_int_equal(kftp_digest_choose(KFTP_FEAT_XSHA512 | KFTP_FEAT_HASH_SHA256), KFTP_DIGEST_SHA512);
}

static void test_replies(void **state) {
        static const struct {
                enum kftp_digest digest;
                const char *path, *text;
                const char *hex;        /* NULL: refused */
        } rows[] = {
                { KFTP_DIGEST_SHA256, "f",     "213 SHA-256 0-49 " SHA256_ABC " f",          SHA256_ABC },
                { KFTP_DIGEST_SHA256, "f",     "213 SHA-256 0-49 " SHA256_ABC " \"f\"",      SHA256_ABC },
                { KFTP_DIGEST_SHA256, "f",     "250 " SHA256_ABC,                            SHA256_ABC },
                { KFTP_DIGEST_SHA256, "f",     "250 XSHA256 " SHA256_ABC,                    SHA256_ABC },
                { KFTP_DIGEST_SHA256, "f",     "250 f " SHA256_ABC "\r",                     SHA256_ABC },
                { KFTP_DIGEST_SHA256, "f",     "250 SHA256(f)=" SHA256_ABC,                  SHA256_ABC },
                { KFTP_DIGEST_MD5,    "f",     "251 \"f\" 900150983CD24FB0D6963F7D28E17F72", MD5_ABC    },
                { KFTP_DIGEST_MD5,    "a b",   "250 a b " MD5_ABC,                           MD5_ABC    },
                /* a file that is named like a hash */
                { KFTP_DIGEST_MD5,    "00000000000000000000000000000000",
                  "213 MD5 0-1 " MD5_ABC " 00000000000000000000000000000000",                MD5_ABC    },
                { KFTP_DIGEST_MD5,    "d/00000000000000000000000000000000",
                  "213 MD5 0-1 " MD5_ABC " 00000000000000000000000000000000",                MD5_ABC    },
                { KFTP_DIGEST_MD5,    "00000000000000000000000000000000",
                  "250 \"/home/00000000000000000000000000000000\" " MD5_ABC,                 MD5_ABC    },
                /* another file's name: it cannot be told which is which */
                { KFTP_DIGEST_MD5,    "f", "213 MD5 " MD5_ABC " 00000000000000000000000000000000", NULL },
                /* twice the same */
                { KFTP_DIGEST_MD5,    "f", "250 " MD5_ABC " " MD5_ABC,                       MD5_ABC    },
                { KFTP_DIGEST_SHA256, "f", "250 " MD5_ABC,                                   NULL       },
                { KFTP_DIGEST_MD5,    "f", "250 " SHA256_ABC,                                NULL       },
                { KFTP_DIGEST_MD5,    "f", "250 Done",                                       NULL       },
                { KFTP_DIGEST_MD5,    "f", "250",                                            NULL       },
                { KFTP_DIGEST_MD5,    "f", "",                                               NULL       },
                { KFTP_DIGEST_MD5,    "f", "250 x" MD5_ABC,                                  NULL       },
                { KFTP_DIGEST_CRC32,  "f", "250 352441C2",                                   "352441c2" },
                { KFTP_DIGEST_CRC32,  "f", "250 XCRC 352441c2",                              "352441c2" },
                { KFTP_DIGEST_CRC32,  "f", "250 0x352441c2",                                 "352441c2" },
                { KFTP_DIGEST_CRC32,  "f", "213 CRC32 0-3 352441c2 f",                       "352441c2" },
                /* without its leading zeros */
                { KFTP_DIGEST_CRC32,  "x", "250 41C2",                                       "000041c2" },
                { KFTP_DIGEST_CRC32,  "x", "250 1c2",                                        "000001c2" },
                { KFTP_DIGEST_CRC32,  "x", "250 0",                                          "00000000" },
                { KFTP_DIGEST_CRC32,  "x", "250 1c2 1c3",                                    NULL       },
        };

        (void) state;
        for (size_t i = 0; i < ELEMENTS(rows); i++) {
                uint8_t hash[KFTP_DIGEST_MAX];
                _cleanup_free_ char *hex = NULL;
                int r;

                print_message("%s\n", rows[i].text);
                r = kftp_hash_parse(rows[i].text, strlen(rows[i].text), rows[i].path, rows[i].digest, hash);
                assert_int_equal(r, rows[i].hex ? 0 : -EBADMSG);
                if (r < 0)
                        continue;
                hex = kftp_hash_format(rows[i].digest, hash);
                assert_string_equal(hex, rows[i].hex);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                IN_DIRECTORY(test_known),
                IN_DIRECTORY(test_file_errors),
                cmocka_unit_test(test_choice),
                cmocka_unit_test(test_replies),
        };

        return cmocka_run_group_tests_name("digest", tests, NULL, NULL);
}
