// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * A limit to the rate. After each slice it is not slept for a fixed time, but until the moment at which that many
 * bytes are due: what one pause was too long, the next is shorter. Only so much is made up, or a server that was
 * silent for a minute could send a minute's worth at once.
 */

#include <ctype.h>
#include <math.h>

#include "control.h"
#include "rate.h"
#include "util.h"

#define SLICES_PER_SEC 10
#define MADE_UP_USEC (USEC_PER_SEC / SLICES_PER_SEC)

int kftp_rate_parse(const char *text, uint64_t *ret) {
        static const char units[] = "KMGT";
        double value;
        char *end;

        /* strtod also takes signs, spaces, hexadecimal, and words */
        if (*text < '0' || *text > '9' || strpbrk(text, "xX"))
                return -EINVAL;
        value = strtod(text, &end);
        if (*end) {
                const char *unit = strchr(units, toupper((unsigned char) *end));

                if (!unit || end[1])
                        return -EINVAL;
                value = ldexp(value, 10 * (int) (unit - units + 1));
        }
        if (!isfinite(value) || value >= 0x1p62 || (value > 0 && value < 1))
                return -EINVAL;
        *ret = (uint64_t) value;
        return 0;
}

void kftp_rate_begin(KftpRate *r, uint64_t limit) {
        r->limit = limit;
        r->seen = 0;
}

uint64_t kftp_rate_slice(const KftpRate *r, uint64_t max) {
        uint64_t slice = MAX2(r->limit / SLICES_PER_SEC, UINT64_C(1));

        if (r->limit == 0)
                return max;
        return max > 0 ? MIN2(max, slice) : slice;
}

uint64_t kftp_rate_account(KftpRate *r, uint64_t bytes, uint64_t now) {
        uint64_t moved = bytes > r->seen ? bytes - r->seen : 0;
        /* nothing is made up of the time that it took until data flowed */
        uint64_t earliest = r->seen == 0 ? now : now - MIN2(now, MADE_UP_USEC);

        if (r->limit == 0 || moved == 0)
                return r->limit > 0 && r->due > now ? r->due - now : 0;
        r->seen = bytes;
        r->due = MAX2(r->due, earliest) + (uint64_t) ((double) moved * (double) USEC_PER_SEC / (double) r->limit);
        return r->due > now ? r->due - now : 0;
}

int kftp_rate_pause(KftpRate *r, uint64_t bytes, const KftpControl *control) {
        uint64_t usec = kftp_rate_account(r, bytes, now_usec());

        return usec > 0 ? kftp_control_sleep(control, usec) : 0;
}
