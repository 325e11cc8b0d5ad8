/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What pairs of entries call for, each rule by itself; and what is learnt of a server's clock. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "mirror-compare.h"
#include "util.h"

#define T INT64_C(1700000040)           /* the beginning of a minute, not of an hour */
#define HOUR 3600
#define DAY INT64_C(86400)
#define D (T / DAY * DAY)               /* of the day that T is in */

#define ENTRY(type_, size_, mtime_, precision_, mode_, target_) {                                                      \
                .name = "x", .type = (type_), .size = (size_), .mtime = (mtime_), .mtime_precision = (precision_),     \
                .mode = (mode_), .target = (target_) }
#define FILE_(size_, mtime_, precision_) ENTRY(KFTP_ENTRY_FILE, size_, mtime_, precision_, KFTP_MODE_UNKNOWN, NULL)
#define HERE(size_, mtime_) FILE_(size_, mtime_, 1)
#define MODE(mode_) ENTRY(KFTP_ENTRY_FILE, 5, T, 1, mode_, NULL)
#define DIR_ DIR_MODE(KFTP_MODE_UNKNOWN)
#define DIR_MODE(mode_) ENTRY(KFTP_ENTRY_DIR, NO_SIZE, T, 1, mode_, NULL)
#define LINK(target_) ENTRY(KFTP_ENTRY_LINK, NO_SIZE, NO_TIME, 0, KFTP_MODE_UNKNOWN, target_)
#define FIFO ENTRY(KFTP_ENTRY_OTHER, NO_SIZE, T, 1, KFTP_MODE_UNKNOWN, NULL)
#define UNTOLD ENTRY(KFTP_ENTRY_OTHER, NO_SIZE, NO_TIME, 0, KFTP_MODE_UNKNOWN, NULL)
#define NOTHING {}
#define NO_SIZE KFTP_SIZE_UNKNOWN
#define NO_TIME KFTP_MTIME_UNKNOWN

#define RULES(...) { __VA_ARGS__ }
#define CLOCK(n_, ...) .clock = { .n = (n_), .offsets = { __VA_ARGS__ } }
#define SIZE_ .compare = KFTP_COMPARE_SIZE
#define HASH .compare = KFTP_COMPARE_HASH

typedef struct Case {
        const char *name;
        MirrorRules rules;
        MirrorEntry source, target;     /* without a name: there is none */
        MirrorVerdict verdict;
        const char *why;
} Case;

static const MirrorEntry *target_of(const Case *c) {
        return c->target.name ? &c->target : NULL;
}

static void check(const Case *c, MirrorVerdict verdict, const char *why) {
        if (verdict != c->verdict || !streq_ptr(why, c->why))
                fail_msg("%s: %d \"%s\" instead of %d \"%s\"", c->name, verdict, strempty(why), c->verdict, strempty(c->why));
}

static void check_cases(const Case *cases, size_t n) {
        for (size_t i = 0; i < n; i++) {
                const char *why = "not set";
                MirrorVerdict verdict = mirror_compare(&cases[i].rules, &cases[i].source, target_of(cases + i), &why);

                check(cases + i, verdict, why);
        }
}
#define CHECK_CASES(cases) check_cases(cases, ELEMENTS(cases))

/* ---- Types ----------------------------------------------------------------------------------- */

static void test_new(void **state) {
        static const Case cases[] = {
                { "file", {}, HERE(5, T), NOTHING, MIRROR_TRANSFER, "new" },
                { "file that nothing is known of", {}, FILE_(NO_SIZE, NO_TIME, 0), NOTHING, MIRROR_TRANSFER, "new" },
                { "file with newer", RULES(.newer = true), HERE(5, T), NOTHING, MIRROR_TRANSFER, "new" },
                { "file by hash", RULES(HASH, .has_hash = true), HERE(5, T), NOTHING, MIRROR_TRANSFER, "new" },
                { "directory", {}, DIR_, NOTHING, MIRROR_MAKE, "new" },
                { "link", {}, LINK("a"), NOTHING, MIRROR_LINK, "new" },
                { "link to nobody knows where", {}, LINK(NULL), NOTHING, MIRROR_LINK, "new" },
                { "fifo", {}, FIFO, NOTHING, MIRROR_IGNORE, NULL },
                { "fifo beside a file", RULES(.delete = true), FIFO, HERE(5, T), MIRROR_IGNORE, NULL },
        };

        (void) state;
        CHECK_CASES(cases);
}

static void test_types(void **state) {
        static const Case cases[] = {
                { "directories", {}, DIR_, DIR_, MIRROR_DESCEND, NULL },
                { "directory, file", {}, DIR_, HERE(5, T), MIRROR_IN_THE_WAY, "type" },
                { "directory, file; delete", RULES(.delete = true), DIR_, HERE(5, T), MIRROR_REMOVE_FIRST, "type" },
                { "directory, link", {}, DIR_, LINK("a"), MIRROR_IN_THE_WAY, "type" },
                { "directory, link; delete", RULES(.delete = true), DIR_, LINK("a"), MIRROR_REMOVE_FIRST, "type" },
                { "directory, link; upload", RULES(.upload = true), DIR_, LINK("a"), MIRROR_IN_THE_WAY, "type" },
                { "file, directory", {}, HERE(5, T), DIR_, MIRROR_IN_THE_WAY, "type" },
                { "file, directory; delete", RULES(.delete = true), HERE(5, T), DIR_, MIRROR_REMOVE_FIRST, "type" },
                { "link, directory", {}, LINK("a"), DIR_, MIRROR_IN_THE_WAY, "type" },
                { "link, directory; delete", RULES(.delete = true), LINK("a"), DIR_, MIRROR_REMOVE_FIRST, "type" },
                { "file, link", {}, HERE(5, T), LINK("a"), MIRROR_TRANSFER, "type" },
                { "file, link; delete", RULES(.delete = true), HERE(5, T), LINK("a"), MIRROR_TRANSFER, "type" },
                { "file, link; upload", RULES(.upload = true), HERE(5, T), LINK("a"), MIRROR_TRANSFER, "type" },
                { "link, file", {}, LINK("a"), HERE(5, T), MIRROR_LINK, "type" },
                { "file, fifo", {}, HERE(5, T), FIFO, MIRROR_IN_THE_WAY, "type" },
                { "file, fifo; delete", RULES(.delete = true), HERE(5, T), FIFO, MIRROR_REMOVE_FIRST, "type" },
                { "links", {}, LINK("a"), LINK("a"), MIRROR_SAME, NULL },
                { "links to others", {}, LINK("a"), LINK("b"), MIRROR_LINK, "target" },
                { "link to nobody knows where", {}, LINK(NULL), LINK("b"), MIRROR_SAME, NULL },
        };

        (void) state;
        CHECK_CASES(cases);
}

/* Of a server that lists nothing but names a file may be there, or a directory. */
static void test_untold_targets(void **state) {
        static const Case cases[] = {
                { "file", RULES(.upload = true), HERE(5, T), UNTOLD, MIRROR_ASK_TIME, "unknown" },
                { "file without MDTM", RULES(.upload = true, .timeless = true), HERE(5, T), UNTOLD, MIRROR_TRANSFER, "unknown" },
                { "directory", RULES(.upload = true), DIR_, UNTOLD, MIRROR_DESCEND, NULL },
                { "not here", {}, HERE(5, T), UNTOLD, MIRROR_IN_THE_WAY, "type" },
                { "told as something else", RULES(.upload = true), HERE(5, T), FIFO, MIRROR_IN_THE_WAY, "type" },
        };

        (void) state;
        CHECK_CASES(cases);
}

/* ---- Sizes and times ------------------------------------------------------------------------- */

static void test_sizes_and_times(void **state) {
        static const Case cases[] = {
                { "same", {}, HERE(5, T), HERE(5, T), MIRROR_SAME, NULL },
                { "same, empty", {}, HERE(0, T), HERE(0, T), MIRROR_SAME, NULL },
                { "size", {}, HERE(5, T), HERE(6, T), MIRROR_TRANSFER, "size" },
                { "size before hash", RULES(HASH, .has_hash = true), HERE(5, T), HERE(6, T), MIRROR_TRANSFER, "size" },
                { "a second later", {}, HERE(5, T + 1), HERE(5, T), MIRROR_TRANSFER, "time" },
                { "a second earlier", {}, HERE(5, T - 1), HERE(5, T), MIRROR_TRANSFER, "time" },
                { "no precision is one second", {}, FILE_(5, T, 0), FILE_(5, T, 0), MIRROR_SAME, NULL },
                { "within the minute", {}, FILE_(5, T, 60), HERE(5, T + 59), MIRROR_SAME, NULL },
                { "after the minute", {}, FILE_(5, T, 60), HERE(5, T + 60), MIRROR_TRANSFER, "time" },
                { "before the minute", {}, FILE_(5, T, 60), HERE(5, T - 1), MIRROR_TRANSFER, "time" },
                { "the other way round", {}, HERE(5, T + 59), FILE_(5, T, 60), MIRROR_SAME, NULL },
                { "within the day, in UTC", {}, FILE_(5, D, DAY), HERE(5, D + DAY - 1), MIRROR_SAME, NULL },
                { "after the day, in UTC", {}, FILE_(5, D, DAY), HERE(5, D + DAY), MIRROR_TRANSFER, "time" },
                { "upload", RULES(.upload = true), HERE(5, T + 59), FILE_(5, T, 60), MIRROR_SAME, NULL },
                { "older upload", RULES(.upload = true), HERE(5, T - 1), FILE_(5, T, 60), MIRROR_TRANSFER, "time" },
                { "forgetful is of uploads", RULES(.forgetful = true), HERE(5, T - 1), HERE(5, T), MIRROR_TRANSFER, "time" },
                { "end of times", {}, HERE(5, INT64_MAX), HERE(5, INT64_MIN + 1), MIRROR_TRANSFER, "time" },
                { "end of times, in a zone", RULES(.zoneless = true, .timeless = true, .newer = true, CLOCK(1, -HOUR)),
                  FILE_(5, INT64_MAX, UINT32_MAX), HERE(5, INT64_MIN + 1), MIRROR_TRANSFER, "time" },
        };

        (void) state;
        CHECK_CASES(cases);
}

static void test_unknown(void **state) {
        static const Case cases[] = {
                { "time of the source", {}, FILE_(5, NO_TIME, 0), HERE(5, T), MIRROR_SAME, NULL },
                { "time of the target", RULES(.upload = true), HERE(5, T), FILE_(5, NO_TIME, 0), MIRROR_SAME, NULL },
                { "time, and the size differs", {}, FILE_(6, NO_TIME, 0), HERE(5, T), MIRROR_TRANSFER, "size" },
                { "time, by hash", RULES(HASH, .has_hash = true), FILE_(5, NO_TIME, 0), HERE(5, T), MIRROR_ASK_HASH, "hash" },
                { "size, same time", {}, FILE_(NO_SIZE, T, 1), HERE(5, T), MIRROR_SAME, NULL },
                { "size, other time", {}, FILE_(NO_SIZE, T, 1), HERE(5, T + 1), MIRROR_TRANSFER, "time" },
                { "size, by size", RULES(SIZE_), FILE_(NO_SIZE, T, 1), HERE(5, T + 1), MIRROR_TRANSFER, "time" },
                { "size, by hash", RULES(HASH, .has_hash = true), FILE_(NO_SIZE, T, 1), HERE(5, T), MIRROR_SAME, NULL },
                { "both", {}, FILE_(NO_SIZE, NO_TIME, 0), HERE(5, T), MIRROR_ASK_TIME, "unknown" },
                { "both, without MDTM", RULES(.timeless = true), FILE_(NO_SIZE, NO_TIME, 0), HERE(5, T), MIRROR_TRANSFER, "unknown" },
                { "both sides", {}, FILE_(NO_SIZE, NO_TIME, 0), FILE_(5, NO_TIME, 1), MIRROR_TRANSFER, "unknown" },
                { "size there, time here", {}, FILE_(NO_SIZE, T, 1), FILE_(5, NO_TIME, 1), MIRROR_TRANSFER, "unknown" },
                { "time, where they are not kept", RULES(.no_times = true), FILE_(5, NO_TIME, 0), HERE(5, T), MIRROR_SAME, NULL },
        };

        (void) state;
        CHECK_CASES(cases);
}

static void test_zoneless(void **state) {
        static const Case cases[] = {
                { "as listed", RULES(.zoneless = true), FILE_(5, T, 60), HERE(5, T + 7), MIRROR_SAME, NULL },
                { "as listed, with a clock", RULES(.zoneless = true, CLOCK(1, HOUR)), FILE_(5, T, 60), HERE(5, T), MIRROR_SAME, NULL },
                { "not yet known", RULES(.zoneless = true), FILE_(5, T + HOUR, 60), HERE(5, T), MIRROR_ASK_TIME, "time" },
                { "ahead", RULES(.zoneless = true, CLOCK(1, HOUR)), FILE_(5, T + HOUR, 60), HERE(5, T + 59), MIRROR_SAME, NULL },
                { "behind", RULES(.zoneless = true, CLOCK(1, -5 * HOUR)), FILE_(5, T - 5 * HOUR, 60), HERE(5, T), MIRROR_SAME, NULL },
                { "the wrong way", RULES(.zoneless = true, CLOCK(1, HOUR)), FILE_(5, T - HOUR, 60), HERE(5, T), MIRROR_ASK_TIME, "time" },
                { "summer", RULES(.zoneless = true, CLOCK(2, HOUR, 2 * HOUR)), FILE_(5, T + 2 * HOUR, 60), HERE(5, T), MIRROR_SAME, NULL },
                { "beside it", RULES(.zoneless = true, CLOCK(1, HOUR)), FILE_(5, T + HOUR, 60), HERE(5, T + 60), MIRROR_ASK_TIME, "time" },
                { "far off: the year was guessed", RULES(.zoneless = true), FILE_(5, T - 365 * DAY, 60), HERE(5, T), MIRROR_ASK_TIME, "time" },
                { "to the second", RULES(.zoneless = true), FILE_(5, T + HOUR, 1), HERE(5, T), MIRROR_ASK_TIME, "time" },
                { "size all the same", RULES(.zoneless = true), FILE_(6, T, 60), HERE(5, T), MIRROR_TRANSFER, "size" },
                { "day", RULES(.zoneless = true), FILE_(5, D, DAY), HERE(5, D + DAY - 1), MIRROR_SAME, NULL },
                { "other day", RULES(.zoneless = true), FILE_(5, D, DAY), HERE(5, D + DAY), MIRROR_ASK_TIME, "time" },
                { "day there", RULES(.zoneless = true, CLOCK(1, -HOUR)), FILE_(5, D, DAY), HERE(5, D + DAY + HOUR - 1), MIRROR_SAME, NULL },
                { "other day there", RULES(.zoneless = true, CLOCK(1, -HOUR)), FILE_(5, D, DAY), HERE(5, D + DAY + HOUR), MIRROR_ASK_TIME, "time" },
                { "upload", RULES(.zoneless = true, .upload = true, CLOCK(1, HOUR)), HERE(5, T), FILE_(5, T + HOUR, 60), MIRROR_SAME, NULL },
                { "upload, changed", RULES(.zoneless = true, .upload = true, CLOCK(1, HOUR)), HERE(5, T + 60), FILE_(5, T + HOUR, 60),
                  MIRROR_ASK_TIME, "time" },
                { "clock, but in UTC", RULES(CLOCK(1, HOUR)), FILE_(5, T + HOUR, 60), HERE(5, T), MIRROR_TRANSFER, "time" },
        };

        (void) state;
        CHECK_CASES(cases);
}

static void test_timeless(void **state) {
        static const Case cases[] = {
                { "some zone", RULES(.zoneless = true, .timeless = true), FILE_(5, T + 5 * HOUR + 2700, 60), HERE(5, T + 59), MIRROR_SAME, NULL },
                { "easternmost", RULES(.zoneless = true, .timeless = true), FILE_(5, T + 14 * HOUR, 60), HERE(5, T), MIRROR_SAME, NULL },
                { "westernmost", RULES(.zoneless = true, .timeless = true), FILE_(5, T - 14 * HOUR, 60), HERE(5, T + 59), MIRROR_SAME, NULL },
                { "farther", RULES(.zoneless = true, .timeless = true), FILE_(5, T + 14 * HOUR + 900, 60), HERE(5, T), MIRROR_TRANSFER, "time" },
                { "no zone", RULES(.zoneless = true, .timeless = true), FILE_(5, T + HOUR + 60, 60), HERE(5, T), MIRROR_TRANSFER, "time" },
                { "no zone: seconds", RULES(.zoneless = true, .timeless = true), FILE_(5, T + HOUR + 1, 1), HERE(5, T), MIRROR_TRANSFER, "time" },
                { "day", RULES(.zoneless = true, .timeless = true), FILE_(5, D, DAY), HERE(5, D + DAY + 14 * HOUR - 1), MIRROR_SAME, NULL },
                { "other day", RULES(.zoneless = true, .timeless = true), FILE_(5, D, DAY), HERE(5, D + DAY + 14 * HOUR), MIRROR_TRANSFER, "time" },
                { "in UTC", RULES(.timeless = true), FILE_(5, T + HOUR, 60), HERE(5, T), MIRROR_TRANSFER, "time" },
        };

        (void) state;
        CHECK_CASES(cases);
}

/* ---- Times that are not the source's ---------------------------------------------------------- */

static void test_forgetful(void **state) {
#define FORGETFUL .upload = true, .forgetful = true
        static const Case cases[] = {
                { "uploaded later", RULES(FORGETFUL), HERE(5, T), HERE(5, T + 1), MIRROR_SAME, NULL },
                { "in the same second", RULES(FORGETFUL), HERE(5, T), HERE(5, T), MIRROR_SAME, NULL },
                { "changed after that", RULES(FORGETFUL), HERE(5, T + 1), HERE(5, T), MIRROR_TRANSFER, "time" },
                { "size", RULES(FORGETFUL), HERE(5, T), HERE(6, T + 1), MIRROR_TRANSFER, "size" },
                { "a minute later", RULES(FORGETFUL), HERE(5, T - 1), FILE_(5, T, 60), MIRROR_SAME, NULL },
                { "in the same minute", RULES(FORGETFUL), HERE(5, T + 1), FILE_(5, T, 60), MIRROR_ASK_TIME, "time" },
                { "in the same minute, without MDTM", RULES(FORGETFUL, .timeless = true), HERE(5, T + 1), FILE_(5, T, 60), MIRROR_SAME, NULL },
                { "in the next minute", RULES(FORGETFUL), HERE(5, T + 60), FILE_(5, T, 60), MIRROR_TRANSFER, "time" },
                { "in some zone", RULES(FORGETFUL, .zoneless = true), HERE(5, T), FILE_(5, T + HOUR, 60), MIRROR_ASK_TIME, "time" },
                { "later in any zone", RULES(FORGETFUL, .zoneless = true), HERE(5, T), FILE_(5, T + 15 * HOUR, 60), MIRROR_SAME, NULL },
                { "earlier in any zone", RULES(FORGETFUL, .zoneless = true), HERE(5, T), FILE_(5, T - 15 * HOUR, 60), MIRROR_TRANSFER, "time" },
                { "in its zone", RULES(FORGETFUL, .zoneless = true, CLOCK(1, HOUR)), HERE(5, T), FILE_(5, T + 3 * HOUR, 60), MIRROR_SAME, NULL },
                { "changed, in its zone", RULES(FORGETFUL, .zoneless = true, CLOCK(1, 3 * HOUR)), HERE(5, T), FILE_(5, T + HOUR, 60),
                  MIRROR_TRANSFER, "time" },
                { "in winter, perhaps", RULES(FORGETFUL, .zoneless = true, CLOCK(1, 2 * HOUR)), HERE(5, T), FILE_(5, T + 2 * HOUR - 60, 60),
                  MIRROR_ASK_TIME, "time" },
                { "in winter, seen", RULES(FORGETFUL, .zoneless = true, CLOCK(2, 2 * HOUR, HOUR)), HERE(5, T), FILE_(5, T + HOUR - 60, 60),
                  MIRROR_TRANSFER, "time" },
                { "nobody knows", RULES(FORGETFUL, .zoneless = true, .timeless = true), HERE(5, T), FILE_(5, T + HOUR, 60), MIRROR_TRANSFER, "time" },
                { "time not listed", RULES(FORGETFUL), HERE(5, T), FILE_(5, NO_TIME, 0), MIRROR_SAME, NULL },
        };

        (void) state;
        CHECK_CASES(cases);
}

static void test_no_times(void **state) {
#define NO_TIMES .no_times = true
        static const Case cases[] = {
                { "fetched later", RULES(NO_TIMES), HERE(5, T), HERE(5, T + 9), MIRROR_SAME, NULL },
                { "same time", RULES(NO_TIMES), HERE(5, T), HERE(5, T), MIRROR_SAME, NULL },
                { "changed after that", RULES(NO_TIMES), HERE(5, T + 1), HERE(5, T), MIRROR_TRANSFER, "time" },
                { "fetched in that minute", RULES(NO_TIMES), FILE_(5, T, 60), HERE(5, T + 9), MIRROR_SAME, NULL },
                { "changed in the next one", RULES(NO_TIMES), FILE_(5, T, 60), HERE(5, T - 1), MIRROR_TRANSFER, "time" },
                { "in some zone", RULES(NO_TIMES, .zoneless = true), FILE_(5, T, 60), HERE(5, T + HOUR), MIRROR_ASK_TIME, "time" },
                { "in its zone", RULES(NO_TIMES, .zoneless = true, CLOCK(1, HOUR)), FILE_(5, T, 60), HERE(5, T + 2 * HOUR), MIRROR_SAME, NULL },
                { "changed, in its zone", RULES(NO_TIMES, .zoneless = true, CLOCK(1, -3 * HOUR)), FILE_(5, T, 60), HERE(5, T + HOUR),
                  MIRROR_TRANSFER, "time" },
                { "uploaded later", RULES(NO_TIMES, .upload = true), HERE(5, T), HERE(5, T + 9), MIRROR_SAME, NULL },
                { "uploaded in that minute", RULES(NO_TIMES, .upload = true), HERE(5, T + 9), FILE_(5, T, 60), MIRROR_SAME, NULL },
                { "uploaded before", RULES(NO_TIMES, .upload = true), HERE(5, T + 9), HERE(5, T), MIRROR_TRANSFER, "time" },
        };

        (void) state;
        CHECK_CASES(cases);
}

static void test_newer(void **state) {
#define NEWER .newer = true
        static const Case cases[] = {
                { "newer", RULES(NEWER), HERE(5, T + 1), HERE(5, T), MIRROR_TRANSFER, "time" },
                { "newer, other size", RULES(NEWER), HERE(6, T + 1), HERE(5, T), MIRROR_TRANSFER, "size" },
                { "same", RULES(NEWER), HERE(5, T), HERE(5, T), MIRROR_SAME, NULL },
                { "same time, other size", RULES(NEWER), HERE(6, T), HERE(5, T), MIRROR_SAME, NULL },
                { "older", RULES(NEWER), HERE(5, T - 1), HERE(5, T), MIRROR_SAME, NULL },
                { "older, other size", RULES(NEWER), HERE(6, T - 1), HERE(5, T), MIRROR_SAME, NULL },
                { "within the precision", RULES(NEWER), FILE_(6, T, 60), HERE(5, T), MIRROR_SAME, NULL },
                { "the minute after", RULES(NEWER), FILE_(6, T, 60), HERE(5, T - 1), MIRROR_TRANSFER, "size" },
                { "newer by size", RULES(NEWER, SIZE_), HERE(5, T + 1), HERE(5, T), MIRROR_SAME, NULL },
                { "newer by hash", RULES(NEWER, HASH, .has_hash = true), HERE(5, T + 1), HERE(5, T), MIRROR_ASK_HASH, "hash" },
                { "older by hash", RULES(NEWER, HASH, .has_hash = true), HERE(5, T - 1), HERE(5, T), MIRROR_SAME, NULL },
                { "upload", RULES(NEWER, .upload = true), HERE(5, T + 60), FILE_(5, T, 60), MIRROR_TRANSFER, "time" },
                { "upload within the minute", RULES(NEWER, .upload = true), HERE(5, T + 59), FILE_(5, T, 60), MIRROR_SAME, NULL },
                { "upload to a forgetful one", RULES(NEWER, FORGETFUL), HERE(5, T + 59), FILE_(5, T, 60), MIRROR_SAME, NULL },
                { "in some zone", RULES(NEWER, .zoneless = true), FILE_(6, T + HOUR, 60), HERE(5, T), MIRROR_ASK_TIME, "time" },
                { "in all zones but one", RULES(NEWER, .zoneless = true), FILE_(6, T + 14 * HOUR, 60), HERE(5, T), MIRROR_ASK_TIME, "time" },
                { "the same in one zone", RULES(NEWER, .zoneless = true), FILE_(6, T - 14 * HOUR - 59, 60), HERE(5, T), MIRROR_SAME, NULL },
                { "in any zone", RULES(NEWER, .zoneless = true), FILE_(5, T + 15 * HOUR, 60), HERE(5, T), MIRROR_TRANSFER, "time" },
                { "in none", RULES(NEWER, .zoneless = true), FILE_(6, T - 15 * HOUR, 60), HERE(5, T), MIRROR_SAME, NULL },
                { "in its zone", RULES(NEWER, .zoneless = true, CLOCK(1, HOUR)), FILE_(6, T + HOUR, 60), HERE(5, T), MIRROR_SAME, NULL },
                { "as listed", RULES(NEWER, .zoneless = true, .timeless = true), FILE_(5, T + HOUR, 60), HERE(5, T), MIRROR_TRANSFER, "time" },
                { "not as listed", RULES(NEWER, .zoneless = true, .timeless = true), FILE_(5, T - HOUR, 60), HERE(5, T), MIRROR_SAME, NULL },
                { "unknown", RULES(NEWER), FILE_(6, NO_TIME, 0), HERE(5, T), MIRROR_ASK_TIME, "time" },
                { "unknown for ever", RULES(NEWER, .timeless = true), FILE_(6, NO_TIME, 0), HERE(5, T), MIRROR_SAME, NULL },
                { "mode of an older one", RULES(NEWER, .permissions = true), ENTRY(KFTP_ENTRY_FILE, 5, T - 1, 1, 0600, NULL), MODE(0644),
                  MIRROR_SET, "mode" },
        };

        (void) state;
        CHECK_CASES(cases);
}

/* ---- Other ways to compare -------------------------------------------------------------------- */

static void test_size_alone(void **state) {
        static const Case cases[] = {
                { "same", RULES(SIZE_), HERE(5, T), HERE(5, T), MIRROR_SAME, NULL },
                { "other", RULES(SIZE_), HERE(5, T), HERE(6, T), MIRROR_TRANSFER, "size" },
                { "other time", RULES(SIZE_), HERE(5, T), HERE(5, T + 1), MIRROR_SET, "time" },
                { "other time, not kept", RULES(SIZE_, NO_TIMES), HERE(5, T), HERE(5, T - 1), MIRROR_SAME, NULL },
                { "other time, forgotten", RULES(SIZE_, FORGETFUL), HERE(5, T), HERE(5, T - 1), MIRROR_SAME, NULL },
                { "unknown time", RULES(SIZE_), HERE(5, NO_TIME), HERE(5, T - 1), MIRROR_SAME, NULL },
                { "time in some zone", RULES(SIZE_, .zoneless = true), FILE_(5, T + HOUR, 60), HERE(5, T), MIRROR_ASK_TIME, "time" },
                { "time in its zone", RULES(SIZE_, .zoneless = true, CLOCK(1, HOUR)), FILE_(5, T + HOUR, 60), HERE(5, T), MIRROR_SAME, NULL },
                { "time in any zone", RULES(SIZE_, .zoneless = true, .timeless = true), FILE_(5, T + HOUR, 60), HERE(5, T), MIRROR_SAME, NULL },
        };

        (void) state;
        CHECK_CASES(cases);
}

static void test_hash(void **state) {
        static const Case cases[] = {
                { "asked", RULES(HASH, .has_hash = true), HERE(5, T), HERE(5, T), MIRROR_ASK_HASH, "hash" },
                { "whatever the time", RULES(HASH, .has_hash = true), HERE(5, T), HERE(5, T + 1), MIRROR_ASK_HASH, "hash" },
                { "there is none", RULES(HASH), HERE(5, T), HERE(5, T), MIRROR_SAME, NULL },
                { "there is none, other time", RULES(HASH), HERE(5, T), HERE(5, T + 1), MIRROR_TRANSFER, "time" },
                { "not wanted", RULES(.has_hash = true), HERE(5, T), HERE(5, T), MIRROR_SAME, NULL },
        };

        (void) state;
        CHECK_CASES(cases);
}

static void test_modes(void **state) {
        static const Case cases[] = {
                { "same", RULES(.permissions = true), MODE(0644), MODE(0644), MIRROR_SAME, NULL },
                { "other", RULES(.permissions = true), MODE(0600), MODE(0644), MIRROR_SET, "mode" },
                { "not wanted", {}, MODE(0600), MODE(0644), MIRROR_SAME, NULL },
                { "unknown there", RULES(.permissions = true), MODE(KFTP_MODE_UNKNOWN), MODE(0644), MIRROR_SAME, NULL },
                { "unknown here", RULES(.permissions = true), MODE(0644), MODE(KFTP_MODE_UNKNOWN), MIRROR_SAME, NULL },
                { "no permission", RULES(.permissions = true), MODE(04644), MODE(0644), MIRROR_SAME, NULL },
                { "by size", RULES(.permissions = true, SIZE_), MODE(0600), MODE(0644), MIRROR_SET, "mode" },
                { "where times are not kept", RULES(.permissions = true, NO_TIMES), MODE(0600), MODE(0644), MIRROR_SET, "mode" },
                { "of directories: later", RULES(.permissions = true), DIR_MODE(0700), DIR_MODE(0755),
                  MIRROR_DESCEND, NULL },
        };

        (void) state;
        CHECK_CASES(cases);
}

/* ---- After MDTM ------------------------------------------------------------------------------ */

static void test_exact(void **state) {
        static const struct {
                Case c;
                int64_t exact;
        } cases[] = {
                { { "same", RULES(.zoneless = true), FILE_(5, T + HOUR, 60), HERE(5, T + 7), MIRROR_SAME, NULL }, T + 7 },
                { { "other", RULES(.zoneless = true), FILE_(5, T + HOUR, 60), HERE(5, T + 7), MIRROR_TRANSFER, "time" }, T + 8 },
                { { "nobody knows", RULES(.zoneless = true), FILE_(5, T + HOUR, 60), HERE(5, T), MIRROR_SAME, NULL }, NO_TIME },
                { { "nobody knows, other", RULES(.zoneless = true), FILE_(5, T + HOUR - 60, 60), HERE(5, T), MIRROR_TRANSFER, "time" }, NO_TIME },
                { { "a clock does not matter", RULES(.zoneless = true, CLOCK(1, HOUR)), FILE_(5, T, 60), HERE(5, T), MIRROR_TRANSFER, "time" }, T + HOUR },
                { { "upload", RULES(.zoneless = true, .upload = true), HERE(5, T + 7), FILE_(5, T + HOUR, 60), MIRROR_SAME, NULL }, T + 7 },
                { { "upload, other", RULES(.zoneless = true, .upload = true), HERE(5, T + 7), FILE_(5, T + HOUR, 60), MIRROR_TRANSFER, "time" }, T + 6 },
                { { "forgetful", RULES(FORGETFUL), HERE(5, T + 7), FILE_(5, T, 60), MIRROR_SAME, NULL }, T + 8 },
                { { "forgetful, changed", RULES(FORGETFUL), HERE(5, T + 7), FILE_(5, T, 60), MIRROR_TRANSFER, "time" }, T + 6 },
                { { "forgetful, nobody knows", RULES(FORGETFUL), HERE(5, T + 7), FILE_(5, T, 60), MIRROR_SAME, NULL }, NO_TIME },
                { { "newer", RULES(NEWER, .zoneless = true), FILE_(6, T, 60), HERE(5, T - 60), MIRROR_TRANSFER, "size" }, T },
                { { "not newer", RULES(NEWER, .zoneless = true), FILE_(6, T, 60), HERE(5, T - 60), MIRROR_SAME, NULL }, T - 61 },
                { { "by size", RULES(SIZE_, .zoneless = true), FILE_(5, T, 60), HERE(5, T - 60), MIRROR_SET, "time" }, T },
                { { "names alone", {}, FILE_(NO_SIZE, NO_TIME, 0), HERE(5, T), MIRROR_SAME, NULL }, T },
                { { "names alone, other", {}, FILE_(NO_SIZE, NO_TIME, 0), HERE(5, T), MIRROR_TRANSFER, "time" }, T + 1 },
                { { "names alone, nobody knows", {}, FILE_(NO_SIZE, NO_TIME, 0), HERE(5, T), MIRROR_TRANSFER, "unknown" }, NO_TIME },
        };

        (void) state;
        for (size_t i = 0; i < ELEMENTS(cases); i++) {
                const Case *c = &cases[i].c;
                const char *why = "not set";
                MirrorVerdict verdict = mirror_compare_exact(&c->rules, &c->source, target_of(c), cases[i].exact, &why);

                check(c, verdict, why);
        }
}

/* Whatever the rules, what is there, and what MDTM says: nobody asks for the time a second time. */
static void test_asks_once(void **state) {
        static const MirrorEntry entries[] = {
                FILE_(5, T, 60), FILE_(5, T + HOUR, 60), FILE_(5, D, DAY), HERE(5, T), HERE(5, T + 1),
                FILE_(NO_SIZE, T, 60), FILE_(5, NO_TIME, 0), FILE_(NO_SIZE, NO_TIME, 0), UNTOLD,
        };
        static const int64_t exact[] = { NO_TIME, T, T + 1, 0, INT64_MAX };
        unsigned asked = 0;

        (void) state;
        for (unsigned bits = 0; bits < 1U << 9; bits++) {
                MirrorRules rules = {
                        .upload = bits & 1, .newer = bits & 2, .no_times = bits & 4, .zoneless = bits & 8, .forgetful = bits & 16,
                        .timeless = bits & 32, .compare = (bits >> 6) % 3, .has_hash = true, .clock = { .n = bits >> 8, .offsets = { HOUR } },
                };

                for (size_t i = 0; i < ELEMENTS(entries) * ELEMENTS(entries) * ELEMENTS(exact); i++) {
                        const MirrorEntry *source = entries + i % ELEMENTS(entries), *target = entries + (i / ELEMENTS(entries) % ELEMENTS(entries));
                        const char *why;

                        if (mirror_compare(&rules, source, target, &why) != MIRROR_ASK_TIME)
                                continue;
                        asked++;
                        assert_false(rules.timeless);
                        assert_int_not_equal(mirror_compare_exact(&rules, source, target, exact[i / (ELEMENTS(entries) * ELEMENTS(entries))], &why),
                                             MIRROR_ASK_TIME);
                }
        }
        assert_true(asked > 1000);
}

/* ---- The clock ------------------------------------------------------------------------------- */

static void test_clock(void **state) {
        static const struct {
                int64_t listed;
                uint32_t precision;
                int64_t exact;
                int offset;             /* -1: none is learnt */
        } cases[] = {
                { T, 60, T, 0 },
                { T, 60, T + 59, 0 },
                { T, 60, T + 60, -1 },
                { T, 60, T - 1, -1 },
                { T + 2 * HOUR, 60, T + 30, 2 * HOUR },
                { T - 5 * HOUR, 60, T + 30, -5 * HOUR },
                { T + 5 * HOUR + 2700, 60, T + 59, 5 * HOUR + 2700 },
                { T - 3 * HOUR - 1800, 60, T, -3 * HOUR - 1800 },
                { T + HOUR, 1, T, HOUR },
                { T + HOUR, 0, T, HOUR },
                { T + HOUR, 1, T + 1, -1 },
                { T + HOUR + 60, 60, T, -1 },
                { T + 14 * HOUR, 60, T, 14 * HOUR },
                { T + 14 * HOUR + 900, 60, T, -1 },
                { T - 14 * HOUR, 60, T + 59, -14 * HOUR },
                { T - 14 * HOUR - 900, 60, T, -1 },
                { D, DAY, D, -1 },
                { D, 900, D, -1 },
                { NO_TIME, 60, T, -1 },
                { T, 60, NO_TIME, -1 },
                { INT64_MAX, 60, -T, -1 },
        };

        (void) state;
        for (size_t i = 0; i < ELEMENTS(cases); i++) {
                MirrorClock c = {};

                mirror_clock_learn(&c, cases[i].listed, cases[i].precision, cases[i].exact);
                if (c.n != (cases[i].offset == -1 ? 0 : 1) || (c.n > 0 && c.offsets[0] != cases[i].offset))
                        fail_msg("case %zu: %u, %d", i, c.n, c.offsets[0]);
        }
}

static void test_clock_keeps_several(void **state) {
        MirrorClock c = {};

        (void) state;
        for (int i = 0; i < 8; i++)
                mirror_clock_learn(&c, T + i / 2 * HOUR, 60, T + i);
        assert_int_equal(c.n, 4);
        for (int i = 0; i < 4; i++)
                assert_int_equal(c.offsets[i], i * HOUR);
        mirror_clock_learn(&c, T - HOUR, 60, T);
        assert_int_equal(c.n, MIRROR_OFFSETS);
        assert_int_equal(c.offsets[3], 3 * HOUR);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_new),
                cmocka_unit_test(test_types),
                cmocka_unit_test(test_untold_targets),
                cmocka_unit_test(test_sizes_and_times),
                cmocka_unit_test(test_unknown),
                cmocka_unit_test(test_zoneless),
                cmocka_unit_test(test_timeless),
                cmocka_unit_test(test_forgetful),
                cmocka_unit_test(test_no_times),
                cmocka_unit_test(test_newer),
                cmocka_unit_test(test_size_alone),
                cmocka_unit_test(test_hash),
                cmocka_unit_test(test_modes),
                cmocka_unit_test(test_exact),
                cmocka_unit_test(test_asks_once),
                cmocka_unit_test(test_clock),
                cmocka_unit_test(test_clock_keeps_several),
        };

        return cmocka_run_group_tests_name("mirror-compare", tests, NULL, NULL);
}
