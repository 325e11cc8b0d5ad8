/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Watches the directories of job files and of their drop-ins. What has changed is collected, and passed on by name when the
 * directories have been quiet for a moment. A directory that is missing is waited for, and one that is mounted over it is
 * noticed.
 */

#include <stdbool.h>
#include <stddef.h>
#include <systemd/sd-event.h>

typedef struct WatchChanges {
        bool all;                       /* anything may have changed; otherwise: */
        char **names;                   /* X.job or X.remote, each once: that file, or one of its drop-ins, in any directory */
        size_t n;
} WatchChanges;

typedef struct Watch Watch;
typedef void (*watch_handler_t)(void *userdata, const WatchChanges *changes);

/* So many directories of drop-ins are watched; changed by tests only. */
extern unsigned watch_drop_ins_max;

/* paths are separated by colons. */
int watch_new(sd_event *event, const char *paths, watch_handler_t handler, void *userdata, Watch **ret);
Watch *watch_free(Watch *w);
