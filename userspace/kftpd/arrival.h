/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Jobs that wait for their source here are told by inotify when something happens in its directory, and look then; from time to
 * time they do so anyway, as not every file system tells. Belongs to the main thread, which never looks at the file system itself:
 * the directory is one that a run has opened.
 */

#include "manager.h"

/*
 * The job is about to wait: after which delay it is to look at the latest. directory_fd: in which something has to happen
 * before there is anything to be seen; -1: that is not so, or not known. delay_usec: how long it waits without inotify.
 */
uint64_t arrival_await(Manager *m, Job *j, int directory_fd, uint64_t delay_usec);

/* It does not wait for its source any more. */
void arrival_forget(Job *j);
