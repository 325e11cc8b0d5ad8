/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Shim: the macros that the module's pure code uses. */
#pragma once

#include <linux/types.h>

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define S64_MAX ((s64) (~(u64) 0 >> 1))
#define min_t(type, a, b)             \
        ({                            \
                type min_a_ = (a);    \
                type min_b_ = (b);    \
                min_a_ < min_b_ ? min_a_ : min_b_; \
        })
