/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Shim: character classes as the kernel has them (lib/ctype.c): Latin-1, whatever the locale. The
 * C library's may not be used on bytes above 0x7f, which hostile servers like to send.
 */
#pragma once

#include <linux/types.h>

static inline bool kernel_isdigit(int c) {
        return c >= '0' && c <= '9';
}

static inline bool kernel_isalpha(int c) {
        u8 u = c;

        return (u >= 'A' && u <= 'Z') || (u >= 'a' && u <= 'z') || (u >= 0xc0 && u != 0xd7 && u != 0xf7);
}

static inline bool kernel_isalnum(int c) {
        return kernel_isdigit(c) || kernel_isalpha(c);
}

static inline bool kernel_isxdigit(int c) {
        return kernel_isdigit(c) || (c >= 'A' && c <= 'F') || (c >= 'a' && c <= 'f');
}

static inline bool kernel_ispunct(int c) {
        u8 u = c;

        if (u < 0x80)
                return u > ' ' && u < 0x7f && !kernel_isalnum(u);
        return (u > 0xa0 && u < 0xc0) || u == 0xd7 || u == 0xf7;
}

#define isdigit(c) kernel_isdigit(c)
#define isalnum(c) kernel_isalnum(c)
#define isxdigit(c) kernel_isxdigit(c)
#define ispunct(c) kernel_ispunct(c)
