/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How to bring a session into each of its states, and keep it there: servers that stop talking. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

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

/* The request may be cancelled before all of this was sent: the server stays nevertheless. */
static void stop_in_data(Conn *c) {
        peer_may_leave(c);
        peer_greet(c);
        peer_retr_begin(c, "file", 0, 0);
        (void) peer_data_try_send(c, 0, 10000);
        peer_until_closed(c);
}

static void stop_after_data(Conn *c) {
        peer_may_leave(c);
        peer_greet(c);
        peer_retr_begin(c, "file", 0, 10000);
        peer_data_close(c);
        peer_until_closed(c);
}

static void stop_in_upload(Conn *c) {
        peer_may_leave(c);
        peer_greet(c);
        peer_stor_begin(c, "STOR file");
        peer_until_closed(c);
}

static void stop_at_229(Conn *c) {
        peer_may_leave(c);
        peer_greet(c);
        peer_passive(c);
        peer_until_closed(c);
}

static void stop_at_quit(Conn *c) {
        peer_may_leave(c);
        peer_greet(c);
        peer_expect(c, "QUIT");
        peer_until_closed(c);
}

static void stop_at_auth(Conn *c) {
        peer_may_leave(c);
        peer_greet(c);
        peer_expect(c, "AUTH TLS");
        peer_say(c, "234 Go ahead");
        peer_until_closed(c);
}

static void be_secure(Conn *c) {
        peer_may_leave(c);
        peer_friendly(c);
}

/* The data connection is there, and no handshake. */
static void stop_at_data_handshake(Conn *c) {
        peer_may_leave(c);
        peer_greet(c);
        peer_passive(c);
        peer_protect(c, false);
        peer_expect(c, "@(RETR|STOR) file");
        peer_data_open(c);
        peer_until_closed(c);
}

/* In the middle of a record. */
static void stop_in_record(Conn *c) {
        uint8_t content[1000] = {}, record[1000 + TLS_OVERHEAD];

        peer_may_leave(c);
        peer_greet(c);
        peer_retr_begin(c, "file", 0, 0);
        (void) peer_data_try_send(c, 0, 10000);
        (void) peer_seal(c, KFTP_ROLE_DATA, TLS_DATA, content, sizeof(content), 0, record);
        (void) send(peer_data_socket(c), record, 500, MSG_NOSIGNAL);
        peer_until_closed(c);
}

static void hang_up(Conn *c) {
        peer_may_leave(c);
        peer_greet(c);
        peer_expect(c, "USER *");
}

const StateCase state_cases[] = {
        { "new", KFTP_STATE_NEW, be_friendly, 0, -1, 0 },
        { "armed", KFTP_STATE_ARMED, be_friendly, 0, -1, 0 },
        { "connecting", KFTP_STATE_CONNECTING, NULL, 0, KFTP_OP_RETR, 0 },
        { "greeting", KFTP_STATE_GREETING, say_nothing, 0, KFTP_OP_RETR, 0 },
        { "login", KFTP_STATE_LOGIN, stop_at_user, 0, KFTP_OP_RETR, 0 },
        { "ready", KFTP_STATE_READY, be_friendly, 0, -1, 0 },
        { "command", KFTP_STATE_COMMAND, stop_at_epsv, 0, KFTP_OP_RETR, 0 },
        { "opening", KFTP_STATE_OPENING, stop_at_data_connection, 0, KFTP_OP_RETR, 0 },
        { "transfer", KFTP_STATE_TRANSFER, stop_in_data, 0, KFTP_OP_RETR, 0 },
        { "finishing", KFTP_STATE_FINISHING, stop_after_data, 0, KFTP_OP_RETR, 0 },
        { "aborting", KFTP_STATE_ABORTING, stop_in_data, STATE_CANCEL, KFTP_OP_RETR, 0 },
        { "quitting", KFTP_STATE_QUITTING, stop_at_quit, 0, KFTP_OP_QUIT, 0 },
        { "closed", KFTP_STATE_CLOSED, hang_up, 0, KFTP_OP_RETR, 0 },
        { "transfer", KFTP_STATE_TRANSFER, stop_in_upload, 0, KFTP_OP_STOR, 0 },
        { "transfer", KFTP_STATE_TRANSFER, stop_in_upload, STATE_PIPE, KFTP_OP_STOR, 0 },
        { "aborting", KFTP_STATE_ABORTING, stop_in_upload, STATE_CANCEL, KFTP_OP_STOR, 0 },
        { "aborting", KFTP_STATE_ABORTING, stop_in_upload, STATE_CANCEL | STATE_PIPE, KFTP_OP_STOR, 0 },
        { "connecting", KFTP_STATE_CONNECTING, be_friendly, STATE_ADOPT, KFTP_OP_RETR, 0 },
        { "connecting", KFTP_STATE_CONNECTING, be_friendly, STATE_ADOPT | STATE_POSTED, KFTP_OP_RETR, 0 },
        { "opening", KFTP_STATE_OPENING, stop_at_229, STATE_WANT_DATA, KFTP_OP_RETR, 0 },
        { "opening", KFTP_STATE_OPENING, stop_at_229, STATE_WANT_DATA | STATE_POSTED, KFTP_OP_STOR, 0 },
        { "login", KFTP_STATE_LOGIN, stop_at_auth, STATE_TLS | STATE_LENT, KFTP_OP_RETR, 0 },
        { "login", KFTP_STATE_LOGIN, stop_at_auth, STATE_TLS | STATE_LENT | STATE_POSTED, KFTP_OP_RETR, 0 },
        { "greeting", KFTP_STATE_GREETING, say_nothing, STATE_IMPLICIT | STATE_LENT, KFTP_OP_RETR, 0 },
        { "greeting", KFTP_STATE_GREETING, say_nothing, STATE_IMPLICIT | STATE_LENT | STATE_POSTED, KFTP_OP_RETR, 0 },
        { "ready", KFTP_STATE_READY, be_secure, STATE_TLS, -1, 1 },
        { "command", KFTP_STATE_COMMAND, stop_at_epsv, STATE_TLS, KFTP_OP_RETR, 1 },
        { "transfer", KFTP_STATE_TRANSFER, stop_at_data_handshake, STATE_TLS | STATE_LENT, KFTP_OP_RETR, 1 },
        { "transfer", KFTP_STATE_TRANSFER, stop_at_data_handshake, STATE_TLS | STATE_LENT | STATE_POSTED, KFTP_OP_STOR, 1 },
        { "aborting", KFTP_STATE_ABORTING, stop_at_data_handshake, STATE_TLS | STATE_LENT | STATE_CANCEL, KFTP_OP_RETR, 1 },
        { "transfer", KFTP_STATE_TRANSFER, stop_in_record, STATE_TLS, KFTP_OP_RETR, 2 },
        { "transfer", KFTP_STATE_TRANSFER, stop_in_upload, STATE_TLS, KFTP_OP_STOR, 2 },
        { "transfer", KFTP_STATE_TRANSFER, stop_in_upload, STATE_TLS | STATE_PIPE, KFTP_OP_STOR, 2 },
        { "finishing", KFTP_STATE_FINISHING, stop_after_data, STATE_TLS, KFTP_OP_RETR, 2 },
        { "aborting", KFTP_STATE_ABORTING, stop_in_record, STATE_TLS | STATE_CANCEL, KFTP_OP_RETR, 2 },
        { "aborting", KFTP_STATE_ABORTING, stop_in_upload, STATE_TLS | STATE_CANCEL, KFTP_OP_STOR, 2 },
        {},
};

bool state_applies(const StateCase *row) {
        return !(row->how & (STATE_TLS | STATE_IMPLICIT)) || tls_supported();
}

struct kftp_addr state_peer(const StateCase *row) {
        static struct kftp_addr blackhole;

        if (!row->script || (row->state == KFTP_STATE_OPENING && !(row->how & STATE_WANT_DATA)))
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

/* ---- TLS ------------------------------------------------------------------------------------------- */

/* The descriptor that is lent in a state with STATE_LENT; and what was answered before. */
static int lent = -1;
static unsigned shaken;

static int answer_tls(int session, enum kftp_role channel, int error) {
        struct kftp_tls t = tls_answer(channel, error);

        return ioctl(session, KFTP_TLS, &t) < 0 ? -errno : 0;
}

int state_shake(int session, const struct kftp_run *event, int timeout_ms) {
        int r = tls_layer(event->fd);

        if (r == 0)
                r = tls_hello(event->fd, timeout_ms);
        if (r == 0)
                r = tls_to_kernel(event->fd, tls_keys(), TLS_KEYS_BOTH);
        close(event->fd);
        return answer_tls(session, event->channel, r);
}

static bool lend(const StateCase *row, int session, const struct kftp_run *event) {
        if (shaken < row->handshakes) {
                shaken++;
                return state_shake(session, event, PEER_PATIENCE_MS) == 0;
        }
        lent = event->fd;
        return true;
}

/* ---- Driving --------------------------------------------------------------------------------------- */

/* One RUN that does not wait; then waits for the next, but not for ever. False if it failed. */
static bool drive(const StateCase *row, int session) {
        struct kftp_run run = { .size = sizeof(run), .flags = KFTP_RUN_NONBLOCK };
        struct pollfd p = { .fd = session, .events = POLLIN };

        if (ioctl(session, KFTP_RUN, &run) == 0)
                return run.type != KFTP_EVENT_TLS || lend(row, session, &run);
        if (errno != EAGAIN)
                return false;
        return poll(&p, 1, 50) >= 0 || errno == EINTR;
}

static bool drive_to(const StateCase *row, int session, enum kftp_state state) {
        uint64_t until = now_ms() + PEER_PATIENCE_MS;

        while (state_of(session) != state || shaken < row->handshakes || (row->how & STATE_LENT && lent < 0))
                if (!drive(row, session) || now_ms() > until)
                        return false;
        return true;
}

/* A pipe with some bytes, open for reading and writing in one: it is never at its end. */
static int endless_pipe(void) {
        char path[64];
        int ends[2], fd;

        if (pipe2(ends, O_CLOEXEC) < 0)
                return -1;
        snprintf(path, sizeof(path), "/proc/self/fd/%d", ends[0]);
        fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
        if (fd >= 0 && write(fd, path, sizeof(path)) < 0) {
                close(fd);
                fd = -1;
        }
        close(ends[0]);
        close(ends[1]);
        return fd;
}

static bool submit(const StateCase *row, int session, int file) {
        struct kftp_submit r = row->op == KFTP_OP_QUIT ? quit_request(1) : request(row->op, file, "file", 1);
        bool good;

        if (row->op < 0)
                return true;
        if (row->how & STATE_PIPE)
                r.fd = endless_pipe();
        else if (row->op == KFTP_OP_STOR && ftruncate(file, 64 << 20) < 0)
                return false;
        good = ioctl(session, KFTP_SUBMIT, &r) == 0;
        if (row->how & STATE_PIPE)
                close(r.fd);
        return good;
}

int state_adopt(int session, enum kftp_role role, uint64_t user_data, const struct kftp_addr *to) {
        struct kftp_adopt a = { .size = sizeof(a), .role = role, .user_data = user_data };
        struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = to->port };
        int r = 0;

        memcpy(&in.sin_addr, to->addr, 4);
        a.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (a.fd < 0)
                return -errno;
        if (connect(a.fd, (struct sockaddr *) &in, sizeof(in)) < 0 || fcntl(a.fd, F_SETFL, O_NONBLOCK) < 0 ||
            ioctl(session, KFTP_ADOPT, &a) < 0)
                r = -errno;
        close(a.fd);
        return r;
}

static bool arm(const StateCase *row, int session, const struct kftp_addr *peer) {
        struct kftp_connect connect = state_connect(peer);

        if (row->how & STATE_WANT_DATA)
                connect.events = KFTP_WANT_DATA;
        if (row->how & (STATE_TLS | STATE_IMPLICIT))
                connect.tls = row->how & STATE_TLS ? KFTP_TLS_REQUIRED : KFTP_TLS_IMPLICIT;
        if (row->how & STATE_ADOPT) {
                connect.peer = (struct kftp_addr) {};
                connect.flags = KFTP_CONNECT_ADOPT;
        }
        return ioctl(session, KFTP_CONNECT, &connect) == 0;
}

/* What is posted leads to the peer's control port, whatever it is for; or it is an answer without a reason. */
static bool post(const StateCase *row, int session, const struct kftp_addr *peer) {
        enum kftp_role role = row->how & STATE_ADOPT ? KFTP_ROLE_CONTROL : KFTP_ROLE_DATA;

        if (!(row->how & STATE_POSTED))
                return true;
        if (row->how & STATE_LENT)
                return answer_tls(session, row->handshakes ? KFTP_ROLE_DATA : KFTP_ROLE_CONTROL, 0) == 0;
        return state_adopt(session, role, 1, peer) == 0;
}

static void begin_anew(void) {
        if (lent >= 0)
                close(lent);
        lent = -1;
        shaken = 0;
}

bool state_reach(const StateCase *row, int session, const struct kftp_addr *peer, int file) {
        struct kftp_cancel cancel = { .size = sizeof(cancel), .what = KFTP_CANCEL_ALL };

        begin_anew();
        if (row->state == KFTP_STATE_NEW)
                return true;
        if (!arm(row, session, peer) || !submit(row, session, file))
                return false;
        if (!(row->how & STATE_CANCEL))
                return drive_to(row, session, row->state) && post(row, session, peer);
        return drive_to(row, session, KFTP_STATE_TRANSFER) && ioctl(session, KFTP_CANCEL, &cancel) == 0 &&
               drive_to(row, session, row->state);
}
