/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Unit tests of src/reply.c, the pure parser of what servers say. The rows are those of the
 * field's known oddities; each text stands in a buffer of exactly its size, so that the address
 * sanitizer sees a step beyond its end.
 */
#include <errno.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "reply.h"

#define N_ELEMENTS(a) (sizeof(a) / sizeof((a)[0]))

/* A text that may contain NUL. */
#define TEXT(s) s, sizeof(s) - 1

static char *exact(const char *text, size_t n) {
        char *copy;

        copy = malloc(n > 0 ? n : 1);
        assert_non_null(copy);
        memcpy(copy, text, n);
        return copy;
}

/* ---- Lines ----------------------------------------------------------------------------------- */

static void test_line_clean(void **state) {
        static const struct {
                const char *in;
                size_t in_len;
                const char *out;
                size_t out_len;
        } rows[] = {
                { TEXT("220 hello\r\n"), TEXT("220 hello") },
                { TEXT("220 hello\n"), TEXT("220 hello") },
                { TEXT("220 hello"), TEXT("220 hello") },
                { TEXT("220 hello\r\r\n"), TEXT("220 hello") },
                { TEXT("\r\n"), TEXT("") },
                { TEXT("\n"), TEXT("") },
                { TEXT(""), TEXT("") },
                /* Telnet: a command of two bytes, one with an option, a doubled IAC. */
                { TEXT("22\xff\xf4" "0 x\r\n"), TEXT("220 x") },
                { TEXT("\xff\xfb\x01" "220 x\r\n"), TEXT("220 x") },
                { TEXT("\xff\xfe\x01" "220 x\r\n"), TEXT("220 x") },
                { TEXT("220 \xff\xff x\r\n"), TEXT("220 \xff x") },
                { TEXT("220 \xff\xf2\xff\xf4 x\r\n"), TEXT("220  x") },
                /* One that the line's end cuts off. */
                { TEXT("220 x\xff\xfb\n"), TEXT("220 x") },
                /* CR NUL is CR (RFC 854); text may hold it. */
                { TEXT("220 a\r\0b\r\n"), TEXT("220 a\rb") },
                { TEXT("220 \xc3\xa4\r\n"), TEXT("220 \xc3\xa4") },
        };

        (void) state;
        for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
                char *line = exact(rows[i].in, rows[i].in_len);

                assert_int_equal(kftp_line_clean(line, rows[i].in_len), rows[i].out_len);
                assert_memory_equal(line, rows[i].out, rows[i].out_len);
                free(line);
        }
}

static void test_line_with_nul(void **state) {
        static const struct {
                const char *in;
                size_t in_len;
        } rows[] = {
                { TEXT("220 a\0b\r\n") },
                { TEXT("\0" "220 a\r\n") },
                { TEXT("220 a\r\0\0\r\n") },
        };

        (void) state;
        for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
                char *line = exact(rows[i].in, rows[i].in_len);

                assert_int_equal(kftp_line_clean(line, rows[i].in_len), -EPROTO);
                free(line);
        }
}

static void test_text_is_clean(void **state) {
        (void) state;
        assert_true(kftp_text_is_clean(TEXT("")));
        assert_true(kftp_text_is_clean(TEXT("a b/\xc3\xa4~")));
        assert_true(kftp_text_is_clean(TEXT("\x80\xff")));
        for (int c = 0; c <= 0xff; c++) {
                char text[3] = { 'a', (char) c, 'b' };

                assert_int_equal(kftp_text_is_clean(text, 3), c >= 0x20 && c != 0x7f);
        }
}

/* ---- Replies --------------------------------------------------------------------------------- */

/* Feeds the lines, which newlines separate; the last result. */
static int feed(struct kftp_reply *r, const char *text) {
        int result = 0;

        kftp_reply_reset(r);
        for (;;) {
                size_t n = strcspn(text, "\n");
                char *line = exact(text, n);

                result = kftp_reply_feed(r, line, n);
                free(line);
                if (result != 0 || !text[n])
                        return result;
                text += n + 1;
        }
}

static void test_reply(void **state) {
        static const struct {
                const char *text;
                int result;
                unsigned code;
                const char *last;
        } rows[] = {
                { "220 hello", 1, 220, "220 hello" },
                { "220 ", 1, 220, "220 " },
                { "220", 1, 220, "220" },
                { "100 a", 1, 100, "100 a" },
                { "599 a", 1, 599, "599 a" },
                /* Several lines; the middle may begin with anything (C1). */
                { "220-hello\n220 end", 1, 220, "220 end" },
                { "220-hello\n230 no\n221-no\n 220 no\n2200 no\n220-no\n220\tno\n\n220 end", 1, 220, "220 end" },
                { "211-Features\n SIZE\n211 End", 1, 211, "211 End" },
                { "220-hello\n220", 1, 220, "220" },
                { "220-hello", 0, 220, NULL },
                { "220-hello\n230 other", 0, 220, NULL },
                /* Empty lines before it (C3). */
                { "\n\n226 done", 1, 226, "226 done" },
                { "", 0, 0, NULL },
                /* No replies. */
                { "hello", -EPROTO, 0, NULL },
                { "22 hello", -EPROTO, 0, NULL },
                { "22", -EPROTO, 0, NULL },
                { "2", -EPROTO, 0, NULL },
                { " 220 hello", -EPROTO, 0, NULL },
                { "2x0 hello", -EPROTO, 0, NULL },
                { "220x", -EPROTO, 0, NULL },
                { "2200 hello", -EPROTO, 0, NULL },
                { "020 hello", -EPROTO, 0, NULL },
                { "620 hello", -EPROTO, 0, NULL },
                { "SSH-2.0-OpenSSH_9.2", -EPROTO, 0, NULL },
                { "\xb2\xb2\xb0 hello", -EPROTO, 0, NULL },
        };

        (void) state;
        for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
                struct kftp_reply r;

                if (feed(&r, rows[i].text) != rows[i].result)
                        fail_msg("the result of '%s' is not %d", rows[i].text, rows[i].result);
                assert_int_equal(r.complete, rows[i].result == 1);
                if (rows[i].result < 0)
                        continue;
                assert_int_equal(r.code, rows[i].code);
                if (!rows[i].last)
                        continue;
                assert_int_equal(r.text_len, strlen(rows[i].last));
                assert_memory_equal(r.text, rows[i].last, r.text_len);
        }
}

/* A reply of 512 lines is accepted, one of 513 is not (C5). */
static void test_reply_of_many_lines(void **state) {
        struct kftp_reply r;

        (void) state;
        for (unsigned n = KFTP_REPLY_MAX_LINES - 1; n <= KFTP_REPLY_MAX_LINES; n++) {
                kftp_reply_reset(&r);
                assert_int_equal(kftp_reply_feed(&r, TEXT("220-")), 0);
                for (unsigned i = 1; i < n; i++)
                        assert_int_equal(kftp_reply_feed(&r, TEXT("more")), 0);
                assert_int_equal(kftp_reply_feed(&r, TEXT("220 end")), n < KFTP_REPLY_MAX_LINES ? 1 : -EMSGSIZE);
        }
}

/* Empty lines without end are not waited out. */
static void test_reply_of_nothing(void **state) {
        struct kftp_reply r;
        int result = 0;
        unsigned n;

        (void) state;
        kftp_reply_reset(&r);
        for (n = 0; n < 10000 && result == 0; n++)
                result = kftp_reply_feed(&r, TEXT(""));
        assert_int_equal(result, -EMSGSIZE);
        assert_true(n <= KFTP_REPLY_MAX_LINES + 1);
}

/* 64 KiB, line ends included, is the most (C5). */
static void test_reply_of_many_bytes(void **state) {
        struct kftp_reply r;
        char line[1022];
        int result;

        (void) state;
        memset(line, 'x', sizeof(line));
        kftp_reply_reset(&r);
        memcpy(line, "220-", 4);
        for (unsigned i = 0; i < KFTP_REPLY_MAX_BYTES / 1024; i++)
                assert_int_equal(kftp_reply_feed(&r, line, sizeof(line)), 0);
        result = kftp_reply_feed(&r, TEXT("220 end"));
        assert_int_equal(result, -EMSGSIZE);
}

/* Only the first KFTP_MAX_TEXT bytes of the last line are kept. */
static void test_reply_with_long_line(void **state) {
        struct kftp_reply r;
        char line[KFTP_MAX_LINE];

        (void) state;
        memset(line, 'x', sizeof(line));
        memcpy(line, "550 ", 4);
        kftp_reply_reset(&r);
        assert_int_equal(kftp_reply_feed(&r, line, sizeof(line)), 1);
        assert_int_equal(r.text_len, KFTP_MAX_TEXT);
        assert_memory_equal(r.text, line, KFTP_MAX_TEXT);
        kftp_reply_reset(&r);
        assert_false(r.complete);
        assert_int_equal(r.code, 0);
        assert_int_equal(r.text_len, 0);
}

/* ---- 227 and 229 ----------------------------------------------------------------------------- */

static void test_epsv(void **state) {
        static const struct {
                const char *text;
                int port;               /* -1: refused */
        } rows[] = {
                { "229 Entering Extended Passive Mode (|||6446|)", 6446 },
                { "229 Entering Extended Passive Mode (|||1|)", 1 },
                { "229 Entering Extended Passive Mode (|||65535|)", 65535 },
                { "229 (|||00080|)", 80 },
                /* Another delimiter, no parentheses, a full address (D3). */
                { "229 ok (!!!6446!)", 6446 },
                { "229 ok ($$$6446$) and more", 6446 },
                { "229 ok |||6446|", 6446 },
                { "229 |||6446|", 6446 },
                { "229 ok (|2|2001:db8::1|6446|)", 6446 },
                { "229 ok (|1|192.0.2.1|6446|)", 6446 },
                { "229 Extended (really). Mode (|||6446|).", 6446 },
                /* Not believed. */
                { "229 ok (|||0|)", -1 },
                { "229 ok (|||65536|)", -1 },
                { "229 ok (|||4294967376|)", -1 },
                { "229 ok (|||18446744073709551696|)", -1 },
                { "229 ok (|||-1|)", -1 },
                { "229 ok (||||)", -1 },
                { "229 ok (|||6446)", -1 },
                { "229 ok (|||6446", -1 },
                { "229 ok (||6446|)", -1 },
                { "229 ok (|||64x46|)", -1 },
                { "229 ok (||", -1 },
                { "229 ok (|", -1 },
                { "229 ok", -1 },
                { "229", -1 },
                { "", -1 },
        };

        (void) state;
        for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
                size_t n = strlen(rows[i].text);
                char *text = exact(rows[i].text, n);
                u16 port = 4711;
                int r;

                r = kftp_parse_epsv(text, n, &port);
                if (r != (rows[i].port < 0 ? -EPROTO : 0) || (r == 0 && port != rows[i].port))
                        fail_msg("'%s': result %d, port %u", rows[i].text, r, port);
                free(text);
        }
}

static void test_pasv(void **state) {
        static const struct {
                const char *text;
                int port;               /* -1: refused */
                u8 addr[4];
        } rows[] = {
                { "227 Entering Passive Mode (192,0,2,1,25,46)", 6446, { 192, 0, 2, 1 } },
                { "227 Entering Passive Mode (192,0,2,1,25,46).", 6446, { 192, 0, 2, 1 } },
                { "227 Entering Passive Mode (255,255,255,255,255,255)", 65535, { 255, 255, 255, 255 } },
                { "227 Entering Passive Mode (0,0,0,0,0,1)", 1, { 0, 0, 0, 0 } },
                /* RFC 1123: find the first digit; parentheses are not needed (D1). */
                { "227 Entering Passive Mode 192,0,2,1,25,46", 6446, { 192, 0, 2, 1 } },
                { "227 Entering Passive Mode. 192,0,2,1,25,46 ok", 6446, { 192, 0, 2, 1 } },
                { "227 =192,0,2,1,25,46", 6446, { 192, 0, 2, 1 } },
                { "227 In 1 or 2 steps: 192,0,2,1,25,46", 6446, { 192, 0, 2, 1 } },
                { "227 (192, 0, 2, 1, 25, 46)", 6446, { 192, 0, 2, 1 } },
                /* Not believed. */
                { "227 Entering Passive Mode (1216,256,2,127,127,127)", -1, {} },
                { "227 Entering Passive Mode (192,0,2,256,25,46)", -1, {} },
                { "227 Entering Passive Mode (192,0,2,1,256,46)", -1, {} },
                { "227 Entering Passive Mode (192,0,2,1,0,0)", -1, {} },
                { "227 Entering Passive Mode (192,0,2,1,25)", -1, {} },
                { "227 Entering Passive Mode (192,0,2,1,25,46,7)", -1, {} },
                { "227 Entering Passive Mode (192,0,2,1,25,", -1, {} },
                { "227 Entering Passive Mode (192,0,2,1,25,461)", -1, {} },
                { "227 Entering Passive Mode (192,0,,1,25,46)", -1, {} },
                { "227 Entering Passive Mode (-192,0,2,-1,25,46)", -1, {} },
                { "227 (4294967488,0,2,1,25,46)", -1, {} },
                { "227 Entering Passive Mode", -1, {} },
                { "227 ", -1, {} },
                { "227", -1, {} },
                { "", -1, {} },
        };

        (void) state;
        for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
                size_t n = strlen(rows[i].text);
                char *text = exact(rows[i].text, n);
                u8 addr[4] = {};
                u16 port = 4711;
                int r;

                r = kftp_parse_pasv(text, n, addr, &port);
                if (r != (rows[i].port < 0 ? -EPROTO : 0) || (r == 0 && port != rows[i].port))
                        fail_msg("'%s': result %d, port %u", rows[i].text, r, port);
                if (r == 0)
                        assert_memory_equal(addr, rows[i].addr, 4);
                free(text);
        }
}

/* ---- 213 ------------------------------------------------------------------------------------- */

static void test_size(void **state) {
        static const struct {
                const char *text;
                long long size;         /* -1: refused */
        } rows[] = {
                { "213 0", 0 },
                { "213 1", 1 },
                { "213 4294967296", 4294967296LL },
                { "213 9223372036854775807", LLONG_MAX },
                { "213 000000000000000000000000000042", 42 },
                /* Words before the number, blanks behind it (T18). */
                { "213 the size is 1234", 1234 },
                { "213 1234 ", 1234 },
                { "213 1234\t", 1234 },
                { "213  1234", 1234 },
                /* Not believed. */
                { "213 9223372036854775808", -1 },
                { "213 18446744073709551616", -1 },
                { "213 99999999999999999999999999", -1 },
                { "213 -1", -1 },
                { "213 +1", -1 },
                { "213 0x10", -1 },
                { "213 12.5", -1 },
                { "213 1234 bytes", -1 },
                { "213 ", -1 },
                { "213", -1 },
                { "", -1 },
        };

        (void) state;
        for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
                size_t n = strlen(rows[i].text);
                char *text = exact(rows[i].text, n);
                u64 size = 4711;
                int r;

                r = kftp_parse_size(text, n, &size);
                if (r != (rows[i].size < 0 ? -EPROTO : 0) || (r == 0 && size != (u64) rows[i].size))
                        fail_msg("'%s': result %d, size %llu", rows[i].text, r, (unsigned long long) size);
                free(text);
        }
}

static void test_mtime(void **state) {
        static const struct {
                const char *text;
                long long mtime;        /* LLONG_MIN: refused */
        } rows[] = {
                { "213 19700101000000", 0 },
                { "213 19700101000001", 1 },
                { "213 19691231235959", -1 },
                { "213 20000229120000", 951825600 },
                { "213 20010909014640", 1000000000 },
                { "213 20380119031408", 2147483648LL },
                { "213 21000301000000", 4107542400LL },
                { "213 20261122193000", 1795375800 },
                { "213 20161231235960", 1483228800 },
                /* A fraction; words before; the year 19100 and later (T20). */
                { "213 20010909014640.123", 1000000000 },
                { "213 20010909014640.", 1000000000 },
                { "213 modified 20010909014640", 1000000000 },
                { "213 20010909014640 ", 1000000000 },
                { "213 191010909014640", 1000000000 },
                { "213 191000229120000", 951825600 },
                /* Not believed. */
                { "213 2001090901464", LLONG_MIN },
                { "213 200109090146400", LLONG_MIN },
                { "213 20011309014640", LLONG_MIN },
                { "213 20010009014640", LLONG_MIN },
                { "213 20010900014640", LLONG_MIN },
                { "213 20010932014640", LLONG_MIN },
                { "213 20010909244640", LLONG_MIN },
                { "213 20010909016040", LLONG_MIN },
                { "213 20010909014661", LLONG_MIN },
                { "213 00000909014640", LLONG_MIN },
                { "213 2001090901464x", LLONG_MIN },
                { "213 20010909014640Z", LLONG_MIN },
                { "213 ", LLONG_MIN },
                { "213", LLONG_MIN },
                { "", LLONG_MIN },
        };

        (void) state;
        for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
                size_t n = strlen(rows[i].text);
                char *text = exact(rows[i].text, n);
                s64 mtime = 4711;
                int r;

                r = kftp_parse_mtime(text, n, &mtime);
                if (r != (rows[i].mtime == LLONG_MIN ? -EPROTO : 0) || (r == 0 && mtime != rows[i].mtime))
                        fail_msg("'%s': result %d, time %lld", rows[i].text, r, (long long) mtime);
                free(text);
        }
}

/* ---- FEAT ------------------------------------------------------------------------------------ */

static void test_feat(void **state) {
        static const struct {
                const char *line;
                u64 bits;
        } rows[] = {
                { " SIZE", KFTP_FEAT_SIZE },
                { " size", KFTP_FEAT_SIZE },
                { "SIZE", KFTP_FEAT_SIZE },
                { "   SIZE  ", KFTP_FEAT_SIZE },
                { "211-SIZE", KFTP_FEAT_SIZE },
                { "211- SIZE", KFTP_FEAT_SIZE },
                { " MDTM", KFTP_FEAT_MDTM },
                { " MDTM YYYYMMDDHHMMSS[+-TZ];filename", KFTP_FEAT_MDTM },
                { " REST STREAM", KFTP_FEAT_REST },
                { " REST", 0 },
                { " EPSV", KFTP_FEAT_EPSV },
                { " EPRT", KFTP_FEAT_EPRT },
                { " UTF8", KFTP_FEAT_UTF8 },
                { " MLST type*;size*;modify*;", KFTP_FEAT_MLST },
                { " MLSD", KFTP_FEAT_MLST },
                { " MFMT", KFTP_FEAT_MFMT },
                { " MFF modify;UNIX.group;UNIX.mode;", KFTP_FEAT_MFF },
                { " TVFS", KFTP_FEAT_TVFS },
                { " CLNT", KFTP_FEAT_CLNT },
                { " HOST", KFTP_FEAT_HOST },
                { " PRET", KFTP_FEAT_PRET },
                { " LANG EN*", KFTP_FEAT_LANG },
                { " RANG STREAM", KFTP_FEAT_RANG },
                { " AUTH TLS", KFTP_FEAT_AUTH_TLS },
                { " AUTH SSL", KFTP_FEAT_AUTH_SSL },
                { " AUTH TLS;SSL;", KFTP_FEAT_AUTH_TLS | KFTP_FEAT_AUTH_SSL },
                { " AUTH TLS-C;TLS-P;", KFTP_FEAT_AUTH_TLS },
                { " AUTH GSSAPI", 0 },
                { " PBSZ", KFTP_FEAT_PBSZ },
                { " PROT", KFTP_FEAT_PROT },
                { " MODE Z", KFTP_FEAT_MODE_Z },
                { " HASH SHA-512;SHA-256*;SHA-1;MD5;CRC32",
                  KFTP_FEAT_HASH | KFTP_FEAT_HASH_SHA1 | KFTP_FEAT_HASH_SHA256 | KFTP_FEAT_HASH_SHA512 | KFTP_FEAT_HASH_MD5 |
                          KFTP_FEAT_HASH_CRC32 },
                { " HASH SHA-256*", KFTP_FEAT_HASH | KFTP_FEAT_HASH_SHA256 },
                { " XCRC filename;start;end", KFTP_FEAT_XCRC },
                { " XMD5", KFTP_FEAT_XMD5 },
                { " XSHA1", KFTP_FEAT_XSHA },
                { " XSHA256", KFTP_FEAT_XSHA256 },
                { " XSHA512", KFTP_FEAT_XSHA512 },
                /* Not those. */
                { " SIZEX", 0 },
                { " SIZE-OF", 0 },
                { " XSIZE", 0 },
                { " SI", 0 },
                { "211 End", 0 },
                { "211-Features:", 0 },
                { "211-", 0 },
                { "211", 0 },
                { " ", 0 },
                { "", 0 },
        };

        (void) state;
        for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
                size_t n = strlen(rows[i].line);
                char *line = exact(rows[i].line, n);
                u64 bits;

                bits = kftp_parse_feat(line, n);
                if (bits != rows[i].bits)
                        fail_msg("'%s': %llx", rows[i].line, (unsigned long long) bits);
                free(line);
        }
}

/* Whatever comes, the parsers stay within the text and their results within their bounds. */
static void test_random_bytes(void **state) {
        static const char alphabet[] = "0123456789|,.()- \r\n\t!$:aTSIZE\xff\xfb\xf4\x80\x00";
        unsigned seed = 20261122;

        (void) state;
        for (unsigned round = 0; round < 200000; round++) {
                size_t n = rand_r(&seed) % 40;
                char *text = malloc(n > 0 ? n : 1);
                u16 port = 1;
                u8 addr[4];
                u64 size = 0;
                s64 mtime;
                struct kftp_reply r;
                int len;

                assert_non_null(text);
                for (size_t i = 0; i < n; i++)
                        text[i] = alphabet[rand_r(&seed) % (sizeof(alphabet) - 1)];
                kftp_parse_epsv(text, n, &port);
                assert_int_not_equal(port, 0);
                kftp_parse_pasv(text, n, addr, &port);
                assert_int_not_equal(port, 0);
                kftp_parse_size(text, n, &size);
                assert_true(size <= LLONG_MAX);
                kftp_parse_mtime(text, n, &mtime);
                kftp_parse_feat(text, n);
                len = kftp_line_clean(text, n);
                assert_true(len == -EPROTO || (len >= 0 && (size_t) len <= n));
                kftp_reply_reset(&r);
                if (len >= 0)
                        kftp_reply_feed(&r, text, len);
                free(text);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_line_clean),
                cmocka_unit_test(test_line_with_nul),
                cmocka_unit_test(test_text_is_clean),
                cmocka_unit_test(test_reply),
                cmocka_unit_test(test_reply_of_many_lines),
                cmocka_unit_test(test_reply_of_nothing),
                cmocka_unit_test(test_reply_of_many_bytes),
                cmocka_unit_test(test_reply_with_long_line),
                cmocka_unit_test(test_epsv),
                cmocka_unit_test(test_pasv),
                cmocka_unit_test(test_size),
                cmocka_unit_test(test_mtime),
                cmocka_unit_test(test_feat),
                cmocka_unit_test(test_random_bytes),
        };

        return cmocka_run_group_tests_name("unit-reply", tests, NULL, NULL);
}
