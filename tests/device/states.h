/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* How to bring a session into each of its states, and keep it there. */

#include "fixture.h"

/* How a session comes there, if not in the plain way. */
typedef enum StateHow {
        STATE_CANCEL = 1 << 0,          /* the first request is cancelled when it is in TRANSFER */
        STATE_PIPE = 1 << 1,            /* what is uploaded comes from a pipe that does not end */
        STATE_ADOPT = 1 << 2,           /* the control connection is to be adopted, and does not come */
        STATE_WANT_DATA = 1 << 3,       /* the same of the data connection */
        STATE_POSTED = 1 << 4,          /* it does come, or the answer to a TLS event does, but nobody takes it */
        STATE_TLS = 1 << 5,             /* explicit TLS is required */
        STATE_IMPLICIT = 1 << 6,        /* implicit TLS, instead */
        STATE_LENT = 1 << 7,            /* a descriptor is lent, and the caller holds it */
} StateHow;

typedef struct StateCase {
        const char *name;               /* as fdinfo has it */
        enum kftp_state state;
        PeerScript script;              /* of the server; NULL: it accepts no connection */
        StateHow how;
        int op;                         /* of the request: KFTP_OP_RETR, STOR or QUIT; -1: none */
        unsigned handshakes;            /* that have been gone through */
} StateCase;

/* Ends with a row without name. */
extern const StateCase state_cases[];

/* Not every kernel has TLS. */
bool state_applies(const StateCase *row);
/* The server's address for this row; the peer, if there is one, is the test's. */
struct kftp_addr state_peer(const StateCase *row);
/* A TCP connection to there, handed over; the caller's descriptor of it is closed. 0 or -errno. */
int state_adopt(int session, enum kftp_role role, uint64_t user_data, const struct kftp_addr *to);
/* Shakes hands on a descriptor, with the keys and KFTP_TLS to the end, and closes it. 0 or -errno. */
int state_shake(int session, const struct kftp_run *event, int timeout_ms);
/* What CONNECT gets: long deadlines. */
struct kftp_connect state_connect(const struct kftp_addr *peer);
/*
 * Drives an open session, without blocking, until it is in the row's state, by the calls alone: no
 * assertions, so that a child process may use it. False if it does not get there.
 */
bool state_reach(const StateCase *row, int session, const struct kftp_addr *peer, int file);
