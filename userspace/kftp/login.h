/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "run.h"

/* Wipes what is known of the last log-in. */
void login_forget(Run *run);
