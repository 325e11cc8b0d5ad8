// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Names of months, as ls abbreviates them in the languages that servers run in. Of letters outside ASCII only the
 * place is known, "?" for one of them or more, whatever the character set, except where that would not tell two
 * months apart.
 */

#include <ctype.h>
#include <strings.h>

#include "list.h"
#include "util.h"

#define MONTHS 12

static const char *const english[MONTHS] = {
        "January", "February", "March", "April", "May", "June",
        "July", "August", "September", "October", "November", "December",
};

/*
 * Beside the English ones: Bulgarian, Catalan, Czech, Danish, Dutch, Estonian, Finnish, French, German, Hungarian,
 * Icelandic, Italian, Latvian, Lithuanian, Norwegian, Polish, Portuguese, Romanian, Russian, Slovak, Slovenian,
 * Spanish, Swedish, Turkish, Ukrainian. What two languages use for different months is left to the one with more
 * servers. Cyrillic names are there in UTF-8, CP1251 and KOI8-R.
 */
static const char *const others[MONTHS] = {
        "gen ene janv jaan ian sty led saus sau tammi oca j\xe4n j\xc3\xa4n "
        "янв січ яну \xff\xed\xe2 \xd1\xce\xd7 \xf1\xce\xd7",
        "fev fevr f?v f?vr febr veebr lut ?no vas helmi ?ub "
        "фев лют \xf4\xe5\xe2 \xc6\xc5\xd7 \xe6\xc5\xd7",
        "mrz m?r m?rz mrt mars m?rc m?rts mar? b?e kov maalis "
        "мар бер \xec\xe0\xf0 \xcd\xc1\xd2 \xed\xc1\xd2",
        "abr avr avril ?pr kwi dub bal huhti nis "
        "апр кві \xe0\xef\xf0 \xc1\xd0\xd2 \xe1\xd0\xd2",
        "mai mag mei maj maig m?j ma? kv? geg touko "
        "май мая тра \xec\xe0\xe9 \xec\xe0\xff \xcd\xc1\xca \xed\xc1\xca",
        "giu juin juni juny juuni iun cze j\xfan j\xc3\xban j\xc5\xabn ?en bir? kes? haz "
        "июн юни чер \xe8\xfe\xed \xc9\xc0\xce \xe9\xc0\xce",
        "lug juil jui juli juuli iul lip j\xfal j\xc3\xbal j\xc5\xabl ?ec liep lie hein? tem "
        "июл юли лип \xe8\xfe\xeb \xc9\xc0\xcc \xe9\xc0\xcc",
        "ago ag ao? ao?t aout avg ?g? sie srp rugp rgp elo a?u "
        "авг сер \xe0\xe2\xe3 \xc1\xd7\xc7 \xe1\xd7\xc7",
        "set szept wrz z?? rugs rgs syys eyl "
        "сен сеп вер \xf1\xe5\xed \xd3\xc5\xce \xf3\xc5\xce",
        "okt ott out pa? paz ??j spal spa loka eki "
        "окт жов \xee\xea\xf2 \xcf\xcb\xd4 \xef\xcb\xd4",
        "lis n?v lapkr lap marras kas "
        "ноя ное лис \xed\xee\xff \xce\xcf\xd1 \xee\xcf\xd1",
        "dez dic des d?c dets gru gruod grd pro joulu ara "
        "дек гру \xe4\xe5\xea \xc4\xc5\xcb \xe4\xc5\xcb",
};

static bool is_ascii(char c) {
        return (unsigned char) c < 0x80;
}

/* Whether text is pattern, of which each run of "?" is a run of bytes that are not ASCII. */
static bool matches(const char *text, size_t n, const char *pattern, size_t n_pattern) {
        while (n_pattern > 0) {
                if (*pattern == '?') {
                        size_t run = 0;

                        while (n_pattern > 0 && *pattern == '?') {
                                pattern++;
                                n_pattern--;
                        }
                        while (run < n && !is_ascii(text[run]))
                                run++;
                        if (run == 0)
                                return false;
                        text += run;
                        n -= run;
                        continue;
                }
                if (n == 0 || strncasecmp(text, pattern, 1) != 0)
                        return false;
                text++;
                n--;
                pattern++;
                n_pattern--;
        }
        return n == 0;
}

static bool is_one_of(const char *text, size_t n, const char *patterns) {
        for (const char *p = patterns; *p; ) {
                size_t length = strcspn(p, " ");

                if (matches(text, n, p, length))
                        return true;
                p += length + strspn(p + length, " ");
        }
        return false;
}

int kftp_list_month(const char *text, size_t n) {
        /* "Sep." */
        if (n > 2 && text[n - 1] == '.')
                n--;
        if (n < 2 || isdigit((unsigned char) text[0]))
                return 0;
        for (int i = 0; n >= 3 && i < MONTHS; i++)
                if (n <= strlen(english[i]) && strncasecmp(text, english[i], n) == 0)
                        return i + 1;
        for (int i = 0; i < MONTHS; i++)
                if (is_one_of(text, n, others[i]))
                        return i + 1;
        return 0;
}
