/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Whether the service can write where a job's Path= points. Returns NULL if so (also without
 * memory: the transfer will tell), otherwise what is wrong and what to type; allocated.
 */
char *target_check(const char *path);
