/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "libkftp.h"

/* A connection that somebody talks over before it is handed to the module; its socket is non-blocking. */
typedef struct KftpWire {
        int fd;
        const KftpControl *control;     /* may be NULL */
        uint64_t deadline;              /* of everything that is done with it, CLOCK_MONOTONIC in microseconds */
} KftpWire;

/*
 * Opens a connection to peer from the options' source and interface. 0, or a negative errno: -ETIMEDOUT,
 * -ECANCELED, or why it failed.
 */
int kftp_wire_open(KftpWire *w, const struct kftp_addr *peer, const KftpOptions *o, uint64_t deadline);

/* All n bytes, or a negative errno; -ECONNRESET if the other side has closed. */
int kftp_wire_write(const KftpWire *w, const void *data, size_t n);
int kftp_wire_read(const KftpWire *w, void *data, size_t n);

/* Up to n bytes, at least 1, which stay there to be read. Their number or a negative errno. */
ssize_t kftp_wire_peek(const KftpWire *w, void *data, size_t n);
