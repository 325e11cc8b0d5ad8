// SPDX-License-Identifier: GPL-2.0-or-later
/* The rate of a transfer, smoothed. */

#include "speed.h"
#include "util.h"

#define SAMPLE_USEC (USEC_PER_SEC / 2)
#define SAMPLE_WEIGHT 0.3

void speed_measure(Speed *s, const KftpProgress *now, uint64_t t) {
        if (s->sample_usec == 0 || now->bytes < s->sample_bytes) {
                s->sample_usec = t;
                s->sample_bytes = now->bytes;
                s->rate = now->usec > 0 ? (double) (now->bytes - now->resumed_from) * (double) USEC_PER_SEC / (double) now->usec : 0;
                return;
        }
        if (t - s->sample_usec < SAMPLE_USEC)
                return;
        s->rate += SAMPLE_WEIGHT
                * ((double) (now->bytes - s->sample_bytes) * (double) USEC_PER_SEC / (double) (t - s->sample_usec) - s->rate);
        s->sample_usec = t;
        s->sample_bytes = now->bytes;
}
