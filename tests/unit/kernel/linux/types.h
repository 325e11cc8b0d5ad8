/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Shim: the kernel's integer types, for code of the module that is compiled in user space. */
#pragma once

#include_next <linux/types.h>
#include <stdbool.h>
#include <stddef.h>

typedef __u8 u8;
typedef __u16 u16;
typedef __u32 u32;
typedef __u64 u64;
typedef __s32 s32;
typedef __s64 s64;
