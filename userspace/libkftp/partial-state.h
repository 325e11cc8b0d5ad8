/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <jansson.h>

#include "partial.h"

/*
 * Takes size, time and offset from the state file into p. 1 if they are about this remote file and
 * this partial, 0 if not or if there is no state, -errno if it cannot be read.
 */
int kftp_partial_state_load(KftpPartial *p);

/* Replaces the state file atomically: it is either the old or the new one, also after a power cut. */
int kftp_partial_state_save(const KftpPartial *p);

/* The state file as it is, of whatever version: 1, 0 if there is none that could be ours, -errno. */
int kftp_partial_state_read(const KftpPartial *p, json_t **ret);
int kftp_partial_state_write(const KftpPartial *p, const json_t *root);

/* Removes the state file durably. */
int kftp_partial_state_remove(const KftpPartial *p);
