/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* What the parts of the queue have of each other: what runs when (queue.c), what becomes of a job whose run has ended (queue-end.c),
 * and what is asked for by hand and by timers (queue-hand.c). */

#include "manager.h"

#define BY_HAND "cancelled by hand"

/* ---- queue-pause.c ---- */

void queue_pause(Manager *m, Pause why, const char *job, int error, const char *text);
/* A run has got through. */
void queue_go_on(Manager *m);

/* ---- queue.c ---- */

/* Puts a job in its place among those of its server, or takes it away; state is JOB_QUEUED. */
void queue_add(Manager *m, Job *j);
void queue_remove(Manager *m, Job *j);
/* Something about the server has changed: looks whether it is its turn now and then. */
void queue_update(Manager *m, Server *s);

/* ---- queue-end.c ---- */

/* Keeps of a run that was concluded what is shown of it. */
void queue_remember(Job *j, const LedgerEntry *e);
/*
 * Concludes the run of a job, which is not under way, as cancelled for that reason; say: in the journal, too. entry is taken, and
 * NULL if the ledger is to be asked.
 */
void queue_conclude(Manager *m, Job *j, LedgerEntry *entry, const char *why, bool say);
