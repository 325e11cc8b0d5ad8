/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * An FTP server inside the test program that says exactly what a test wants it to say.
 *
 * peer_start() listens and plays a script, a C function, on every control connection, each in a
 * thread of its own. A script that is surprised (another command than expected, a silence, a
 * connection that ends) stops there, and peer_stop() tells. Login and the like need no lines in a
 * script: while it waits for a command, the usual ones are answered as a friendly server would,
 * unless it asked for peer_strict().
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tls.h"
#include "uapi/kftp.h"

typedef struct Peer Peer;
typedef struct Conn Conn;
typedef void (*PeerScript)(Conn *c);

/* Longer than anything may take on a slow machine; a script that waits longer has failed. */
#define PEER_PATIENCE_MS 30000

/* ---- The tester's side ----------------------------------------------------------------------- */

/* address is numeric, with port 0. userdata is for the script. Never returns NULL. */
Peer *peer_start(const char *address, PeerScript script, void *userdata);
/* Waits for the scripts' ends, frees; NULL, or an allocated sentence that tells what went wrong. */
char *peer_stop(Peer *p);
struct kftp_addr peer_address(const Peer *p);
/* Every command so far, each ended by a newline; allocated. */
char *peer_commands(Peer *p);
/* How many control connections have come so far. */
unsigned peer_connections(Peer *p);

/* The byte at this place of every file that a peer sends. */
static inline uint8_t peer_byte(uint64_t offset) {
        return (uint8_t) (offset * 31 + (offset >> 8) * 7 + (offset >> 16) * 3 + 1);
}

/* ---- The script's side: the control connection ----------------------------------------------- */

void *peer_userdata(Conn *c);
/* Which control connection this is, from 0. */
unsigned peer_number(Conn *c);
/* From now on no command is answered unless the script does it. */
void peer_strict(Conn *c);
/* From now on the client may go away at any time: what surprises the script only ends it. */
void peer_may_leave(Conn *c);
/* The script ends here, and the test has failed. */
_Noreturn void peer_fail(Conn *c, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* One line; CR LF is added. */
void peer_say(Conn *c, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Bytes as they are. */
void peer_send(Conn *c, const void *bytes, size_t n);
/* Waits for a command that matches the pattern (fnmatch(3), extended); returns it, valid until the next one. */
const char *peer_expect(Conn *c, const char *pattern);
/* As peer_expect(), but false if the client closes the connection instead. */
bool peer_expect_or_end(Conn *c, const char *pattern);
/* Nothing must be said by the client for so long. */
void peer_expect_silence(Conn *c, unsigned ms);
/* Answers the usual commands and QUIT until the client closes the connection. */
void peer_goodbye(Conn *c);
/* Says nothing more; returns when the client has closed the connection. */
void peer_until_closed(Conn *c);
/* Ends the control connection: FIN, or RST. */
void peer_close(Conn *c);
void peer_reset(Conn *c);
void peer_sleep(unsigned ms);
/* The connections' sockets, for what is not foreseen here. */
int peer_control_socket(Conn *c);
int peer_data_socket(Conn *c);
int peer_listening_socket(Conn *c);

/* What the usual commands are answered with. */
void peer_set_size(Conn *c, uint64_t size);             /* SIZE; until then 550 */
void peer_set_mtime(Conn *c, const char *mtime);        /* MDTM; until then 550 */

/* "220 ..."; the login itself goes by the usual answers. */
void peer_greet(Conn *c);
/* A dialogue as text, up to NULL: "< command" is expected, a pattern; "> reply" is said. */
void peer_play(Conn *c, const char *const *lines);

/* ---- The script's side: data connections ------------------------------------------------------ */

/* Answers EPSV with a 229; or refuses it and answers PASV with a 227. */
void peer_passive(Conn *c);
void peer_passive_old(Conn *c);
/* Accepts EPRT; or refuses it and accepts PORT. */
void peer_active(Conn *c);
void peer_active_old(Conn *c);

/* A socket that listens for the data connection, on the control connection's address; its port. */
uint16_t peer_data_listen(Conn *c);
/* The same on this port. False if it is taken. */
bool peer_data_listen_on(Conn *c, uint16_t port);
/* Where the client listens, from a PORT or EPRT command. */
void peer_take_port(Conn *c, const char *command);
/* Connects to where the client listens, from this local address; the socket, or -errno. */
int peer_dial(Conn *c, const char *from);
/* Accepts the passive, or makes the active data connection. */
void peer_data_open(Conn *c);
/* Nobody must connect to the listening socket for so long. */
void peer_data_expect_nobody(Conn *c, unsigned ms);
struct kftp_addr peer_data_address(Conn *c);            /* our end */
struct kftp_addr peer_data_client(Conn *c);             /* the client's end */

/* Bytes of the file, from offset. */
void peer_data_send(Conn *c, uint64_t offset, uint64_t n);
/* The same, but false if the client hangs up. */
bool peer_data_try_send(Conn *c, uint64_t offset, uint64_t n);
/* Bytes of the file until the client closes the data connection. */
void peer_data_flood(Conn *c);
/* Sends nothing; returns when the client has closed the data connection. */
void peer_data_until_closed(Conn *c);
/* Takes at most max bytes, which must be those of the file from offset; 0 or -errno, *ret: how many came. */
int peer_data_take(Conn *c, uint64_t offset, uint64_t max, uint64_t *ret);
/* The client must send just these bytes of the file, then end the data. */
void peer_data_receive(Conn *c, uint64_t offset, uint64_t n);
void peer_data_close(Conn *c);
/* No more bytes, but the connection is not given up. */
void peer_data_half_close(Conn *c);
void peer_data_reset(Conn *c);

/* A whole download: passive, RETR (of the path, a pattern), 150, n bytes from offset, 226. */
void peer_retr(Conn *c, const char *path, uint64_t offset, uint64_t n);
/* The same, but it stops after those n bytes, with everything open. */
void peer_retr_begin(Conn *c, const char *path, uint64_t offset, uint64_t n);
/* What follows a RETR, and the commands before it, that were answered already: 150, n bytes, 226. */
void peer_deliver(Conn *c, uint64_t n);
/* peer_retr_begin() of a file that does not end, until the client hangs up. */
void peer_retr_flood(Conn *c, const char *path);

/* Passive, the command (a pattern), 150: the client may send. */
void peer_stor_begin(Conn *c, const char *command);
/* A whole upload: these bytes of the file, 226. */
void peer_stor(Conn *c, const char *command, uint64_t offset, uint64_t n);

/* ---- The script's side: TLS -------------------------------------------------------------------- */

/*
 * Among the usual answers: AUTH TLS is accepted, and TLS begins; PBSZ and PROT P are accepted, and from then on TLS
 * begins with each peer_data_open(). Connections end with close_notify, but by peer_data_cut() and the like.
 */

/* The client's AUTH, which is accepted, and the beginning of TLS. */
void peer_auth(Conn *c);
/* The handshake, or what stands for it here; from then on everything goes in records. */
void peer_tls_begin(Conn *c, enum kftp_role role);
/* From now on handshakes are of another kind; such a one has to end with peer_tls_keys(). */
typedef void (*PeerShake)(Conn *c, enum kftp_role role);
void peer_shake_with(Conn *c, PeerShake shake);
void peer_tls_keys(Conn *c, enum kftp_role role, const TlsKeys *keys);
bool peer_tls_on(Conn *c, enum kftp_role role);
/* Shall TLS begin with each data connection? */
void peer_protect(Conn *c, bool protect);
/* A record of any type; an alert; close_notify, unless it was sent already. */
void peer_record(Conn *c, enum kftp_role role, uint8_t type, const void *content, size_t n);
void peer_alert(Conn *c, enum kftp_role role, uint8_t level, uint8_t description);
void peer_notify(Conn *c, enum kftp_role role);
/* A record that is not sent, but by peer_raw(), which sends bytes as they are; its length. */
size_t peer_seal(Conn *c, enum kftp_role role, uint8_t type, const void *content, size_t n, size_t padding, uint8_t *ret);
void peer_raw(Conn *c, enum kftp_role role, const void *bytes, size_t n);
/* The next record of any type; its length, -ENODATA at the connection's end, or -errno. */
ssize_t peer_pull_record(Conn *c, enum kftp_role role, uint8_t *ret_type, uint8_t *ret, const char *doing);
/* Ends the data connection without close_notify. */
void peer_data_cut(Conn *c);

/* ---- Whole servers ----------------------------------------------------------------------------- */

/* Greets, answers the usual commands, and waits for the client's end. */
void peer_friendly(Conn *c);
/*
 * A server that serves: every way to a data connection, REST, RETR, STOR, APPE, SIZE, MDTM
 * (20010909014640) and QUIT. A path is "bytes-N", possibly with something behind another '-'; it has
 * N bytes. What is stored is thrown away.
 */
void peer_serve(Conn *c);
/* The same from after the login on. */
void peer_serve_on(Conn *c);
