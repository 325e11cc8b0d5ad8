/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "libkftp.h"

/* How fast it goes of late: that is what the time left depends on, not the average of the whole. All zero: unknown. */
typedef struct Speed {
        uint64_t sample_usec;           /* begin of the running sample */
        uint64_t sample_bytes;
        double rate;                    /* bytes per second */
} Speed;

/* t is the time, as of now_usec(). Of the same transfer, unless bytes has become less. */
void speed_measure(Speed *s, const KftpProgress *now, uint64_t t);
