/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* How many bytes the character at p takes, 0 if there is none that is valid. n is at least 1. */
size_t kftp_utf8_decode(const uint8_t *p, size_t n, uint32_t *ret);
