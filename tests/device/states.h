/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* How to bring a session into each of its states, and keep it there. */

#include "fixture.h"

typedef struct StateCase {
        const char *name;               /* as fdinfo has it */
        enum kftp_state state;
        PeerScript script;              /* of the server; NULL: it accepts no connection */
        bool cancel;                    /* the first request, when it is in TRANSFER */
        int op;                         /* of the request: KFTP_OP_RETR or KFTP_OP_QUIT; -1: none */
} StateCase;

/* Ends with a row without name. */
extern const StateCase state_cases[];

/* The server's address for this row; the peer, if there is one, is the test's. */
struct kftp_addr state_peer(const StateCase *row);
/* What CONNECT gets: long deadlines. */
struct kftp_connect state_connect(const struct kftp_addr *peer);
/*
 * Drives an open session, without blocking, until it is in the row's state, by the calls alone: no
 * assertions, so that a child process may use it. False if it does not get there.
 */
bool state_reach(const StateCase *row, int session, const struct kftp_addr *peer, int file);
