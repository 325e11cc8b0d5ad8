// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * How far the clock in a server's LIST is ahead of UTC. Zones differ by multiples of 15 minutes: what does not fit into
 * that is a file that was changed between the listing and MDTM, or a clock that is wrong.
 */

#include "mirror-compare.h"
#include "util.h"

/* Of no calendar's time, and far from where differences overflow. */
#define FAR (INT64_C(1) << 40)

static int64_t round_up(int64_t distance) {
        int64_t steps = distance / MIRROR_ZONE_STEP;

        return (distance > steps * MIRROR_ZONE_STEP ? steps + 1 : steps) * MIRROR_ZONE_STEP;
}

void mirror_clock_learn(MirrorClock *c, int64_t listed, uint32_t precision, int64_t exact) {
        int64_t offset;

        /* Where a listing leaves more open than a step, any distance would do. */
        if (precision >= MIRROR_ZONE_STEP || listed < -FAR || listed > FAR || exact < -FAR || exact > FAR)
                return;
        /* What is listed is the beginning of the minute: the distance was cut down, never up. */
        offset = round_up(listed - exact);
        if (offset - (listed - exact) >= MAX2(precision, 1U) || offset < -MIRROR_ZONE_MAX || offset > MIRROR_ZONE_MAX)
                return;
        for (unsigned i = 0; i < c->n; i++)
                if (c->offsets[i] == offset)
                        return;
        if (c->n < MIRROR_OFFSETS)
                c->offsets[c->n++] = (int32_t) offset;
}
