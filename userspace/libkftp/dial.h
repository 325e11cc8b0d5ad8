/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "libkftp.h"

/* How a session's connections are made if there is a proxy. */
typedef struct KftpDial {
        const char *host;               /* the server; borrowed */
        uint16_t port;
        const KftpOptions *options;     /* with a proxy; borrowed */
        struct kftp_addr via;           /* the proxy's address, for all connections of the session the same: the
                                         * server may want them to come from one address */
        KftpFailure failure;            /* of the last data connection, if it could not be made */
} KftpDial;

/*
 * The control connection: each address of the proxy until one answers. *ret is a socket for kftp_dial_adopt. host
 * and the options are used until kftp_dial_done.
 */
int kftp_dial_control(KftpDial *d, const char *host, uint16_t port, const KftpOptions *o, int *ret, KftpFailure *f);

/* Hands it to the session on device_fd, which has been armed. fd stays the caller's. */
int kftp_dial_adopt(const KftpDial *d, int device_fd, int fd, KftpFailure *f);

/*
 * Answers DATA_WANTED with a connection to the server's host and the port that the event tells; the address in a
 * 227 is not to be trusted. Without one the module tries another method, and d->failure says why. Fails only if
 * cancelled, or if the module does not want the answer.
 */
int kftp_dial_data(KftpDial *d, int device_fd, const struct kftp_run *event, KftpFailure *f);

void kftp_dial_done(KftpDial *d);
