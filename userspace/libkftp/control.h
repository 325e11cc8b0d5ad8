/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "libkftp.h"

/* What a transfer does with its handle. c may be NULL everywhere: then nothing is ever cancelled. */

bool kftp_control_cancelled(const KftpControl *c);
/* How often: from the second time on somebody finds that it takes too long. */
unsigned kftp_control_cancels(const KftpControl *c);

/* A descriptor that polls readable, for ever, once c was cancelled; -1 without c. */
int kftp_control_fd(const KftpControl *c);

/*
 * From attach to detach a cancellation ends the session on device_fd too, one that came before
 * attach as well. Only after detach may the descriptor be closed.
 */
void kftp_control_attach(KftpControl *c, int device_fd);
/* From now on a cancellation ends the session's requests, and only a second one the session. */
void kftp_control_logged_in(KftpControl *c);
/* Between a look at kftp_control_cancelled and this there may have been a cancellation that had nothing to cancel yet. */
void kftp_control_submitted(const KftpControl *c);
void kftp_control_detach(KftpControl *c);

/* Sleeps unless cancelled: 0, or -ECANCELED. */
int kftp_control_sleep(const KftpControl *c, uint64_t usec);
