/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How to bring a session into each of its states, and keep it there: servers that stop talking. */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>

#include "states.h"

static void say_nothing(Conn *c) {
        peer_may_leave(c);
        peer_until_closed(c);
}

static void be_friendly(Conn *c) {
        peer_may_leave(c);
        peer_friendly(c);
}

static void stop_at_user(Conn *c) {
        peer_may_leave(c);
        peer_strict(c);
        peer_greet(c);
        peer_expect(c, "USER *");
        peer_until_closed(c);
}

static void stop_at_epsv(Conn *c) {
        peer_may_leave(c);
        peer_greet(c);
        peer_expect(c, "EPSV");
        peer_until_closed(c);
}

/* The port of the data connection is one where nobody accepts: see blackhole_address(). */
static void stop_at_data_connection(Conn *c) {
        const struct kftp_addr *blackhole = peer_userdata(c);
        const uint8_t *port = (const uint8_t *) &blackhole->port;

        peer_may_leave(c);
        peer_greet(c);
        peer_expect(c, "EPSV");
        peer_say(c, "229 Here (|||%u|)", port[0] << 8 | port[1]);
        peer_until_closed(c);
}

static void stop_in_data(Conn *c) {
        peer_may_leave(c);
        peer_greet(c);
        peer_retr_begin(c, "file", 0, 10000);
        peer_until_closed(c);
}

static void stop_after_data(Conn *c) {
        peer_may_leave(c);
        peer_greet(c);
        peer_retr_begin(c, "file", 0, 10000);
        peer_data_close(c);
        peer_until_closed(c);
}

static void stop_at_quit(Conn *c) {
        peer_may_leave(c);
        peer_greet(c);
        peer_expect(c, "QUIT");
        peer_until_closed(c);
}

static void hang_up(Conn *c) {
        peer_may_leave(c);
        peer_greet(c);
        peer_expect(c, "USER *");
}

const StateCase state_cases[] = {
        { "new", KFTP_STATE_NEW, be_friendly, false, -1 },
        { "armed", KFTP_STATE_ARMED, be_friendly, false, -1 },
        { "connecting", KFTP_STATE_CONNECTING, NULL, false, KFTP_OP_RETR },
        { "greeting", KFTP_STATE_GREETING, say_nothing, false, KFTP_OP_RETR },
        { "login", KFTP_STATE_LOGIN, stop_at_user, false, KFTP_OP_RETR },
        { "ready", KFTP_STATE_READY, be_friendly, false, -1 },
        { "command", KFTP_STATE_COMMAND, stop_at_epsv, false, KFTP_OP_RETR },
        { "opening", KFTP_STATE_OPENING, stop_at_data_connection, false, KFTP_OP_RETR },
        { "transfer", KFTP_STATE_TRANSFER, stop_in_data, false, KFTP_OP_RETR },
        { "finishing", KFTP_STATE_FINISHING, stop_after_data, false, KFTP_OP_RETR },
        { "aborting", KFTP_STATE_ABORTING, stop_in_data, true, KFTP_OP_RETR },
        { "quitting", KFTP_STATE_QUITTING, stop_at_quit, false, KFTP_OP_QUIT },
        { "closed", KFTP_STATE_CLOSED, hang_up, false, KFTP_OP_RETR },
        {},
};

struct kftp_addr state_peer(const StateCase *row) {
        static struct kftp_addr blackhole;

        if (!row->script || row->state == KFTP_STATE_OPENING)
                blackhole = blackhole_address();
        if (!row->script)
                return blackhole;
        return peer_address(test_peer("127.0.0.1", row->script, &blackhole));
}

struct kftp_connect state_connect(const struct kftp_addr *peer) {
        struct kftp_connect c = connect_to(peer);

        c.connect_ms = c.reply_ms = c.data_ms = c.idle_ms = c.abort_ms = 600000;
        return c;
}

static unsigned state_of(int session) {
        struct kftp_info info = { .size = sizeof(info) };

        return ioctl(session, KFTP_INFO, &info) < 0 ? 999 : info.state;
}

/* One RUN that does not wait; then waits for the next, but not for ever. False if it failed. */
static bool drive(int session) {
        struct kftp_run run = { .size = sizeof(run), .flags = KFTP_RUN_NONBLOCK };
        struct pollfd p = { .fd = session, .events = POLLIN };

        if (ioctl(session, KFTP_RUN, &run) == 0)
                return true;
        if (errno != EAGAIN)
                return false;
        return poll(&p, 1, 50) >= 0 || errno == EINTR;
}

static bool drive_to(int session, enum kftp_state state) {
        uint64_t until = now_ms() + PEER_PATIENCE_MS;

        while (state_of(session) != state)
                if (!drive(session) || now_ms() > until)
                        return false;
        return true;
}

static bool submit(const StateCase *row, int session, int file) {
        struct kftp_submit r = row->op == KFTP_OP_QUIT ? quit_request(1) : retr(file, "file", 1);

        return row->op < 0 || ioctl(session, KFTP_SUBMIT, &r) == 0;
}

bool state_reach(const StateCase *row, int session, const struct kftp_addr *peer, int file) {
        struct kftp_connect connect = state_connect(peer);
        struct kftp_cancel cancel = { .size = sizeof(cancel), .what = KFTP_CANCEL_ALL };

        if (row->state == KFTP_STATE_NEW)
                return true;
        if (ioctl(session, KFTP_CONNECT, &connect) < 0 || !submit(row, session, file))
                return false;
        if (!row->cancel)
                return drive_to(session, row->state);
        return drive_to(session, KFTP_STATE_TRANSFER) && ioctl(session, KFTP_CANCEL, &cancel) == 0 &&
               drive_to(session, row->state);
}
