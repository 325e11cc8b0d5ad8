/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Shim. */
#pragma once

#include_next <linux/errno.h>
