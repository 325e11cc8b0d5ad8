/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Shim. */
#pragma once

#include <string.h>
#include <strings.h>
