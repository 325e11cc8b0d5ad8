/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Watches the directory of job files. An event means no more than "scan again"; it is passed on when
 * the directory has been quiet for a moment. A directory that is missing is waited for, and one that is
 * mounted over it is noticed.
 */

#include <systemd/sd-event.h>

typedef struct Watch Watch;
typedef void (*watch_handler_t)(void *userdata);

int watch_new(sd_event *event, const char *path, watch_handler_t handler, void *userdata, Watch **ret);
Watch *watch_free(Watch *w);
