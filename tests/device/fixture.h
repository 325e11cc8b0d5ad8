/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * What every test of /dev/kftp needs: sessions, local files, threads that drive a session, and the
 * rule that after each test nothing is left of it, also when it failed: its sessions are closed,
 * its peers have come to the end of their scripts, and the module is not in use any more.
 *
 * Functions return 0 or -errno, unless they assert.
 */

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "peer.h"
#include "slowfs.h"
#include "uapi/kftp.h"

struct Lent;

typedef struct Session {
        int fd;
        int result;                     /* of the last RUN */
        struct kftp_run event;          /* what it returned */
        char text[8192];                /* its text, terminated */
        bool agent;                     /* session_run() and its kin answer TLS events, and do not return them */
        bool padded;                    /* the agent expects padding */
        int (*shake)(struct Lent *l);   /* how it does it; NULL: by what stands for a handshake here */
        unsigned lent[2];               /* how many TLS events there were, by channel */
        struct Session *next;
} Session;

/* A test of this name, with what has to be done around it. */
#define DEVICE_TEST(name) cmocka_unit_test_setup_teardown(name, test_begin, test_end)
/* main() of a program of such tests. */
#define DEVICE_TESTS(program, tests) \
        int main(void) { return cmocka_run_group_tests_name("device-" program, tests, device_ready, NULL); }

int device_ready(void **state);
int test_begin(void **state);
int test_end(void **state);

/* ---- Sessions -------------------------------------------------------------------------------- */

/* An open device, closed at the test's end. */
Session *session_open(void);
void session_close(Session *s);
/* What CONNECT gets for a session with this server; user "user", password "secret". */
struct kftp_connect connect_to(const struct kftp_addr *peer);
struct kftp_connect connect_to_peer(const Peer *p);
int session_connect(Session *s, const struct kftp_connect *c);
/* Open and armed; the same, and logged in. Both assert. */
Session *session_armed(const struct kftp_connect *c);
Session *session_ready(const struct kftp_connect *c);
/* The same with a new peer that plays script; short deadlines. ret_peer may be NULL. */
Session *session_with(PeerScript script, void *userdata, Peer **ret_peer);

int session_run_with(Session *s, uint32_t flags, uint64_t max_bytes);
int session_run(Session *s);
/* RUN must return this event. */
void session_expect(Session *s, enum kftp_event_type type);
/* The event that a RUN has returned must be this one. */
void session_assert_event(Session *s, enum kftp_event_type type);
/* RUN must return DONE of this request with this error. */
void session_expect_done(Session *s, uint64_t user_data, int error);
/* RUN must return CLOSED with this error, and from then on ENOTCONN. */
void session_expect_closed(Session *s, int error);
/* RUN without waiting until it has nothing to do; the first event on the way is an error. */
void session_run_until_idle(Session *s);

struct kftp_info session_info(Session *s);
void session_wait_state(Session *s, enum kftp_state state);
/* Waits until so many bytes have been received in all. */
void session_wait_bytes(Session *s, uint64_t n);
/* The same for sent ones. */
void session_wait_sent(Session *s, uint64_t n);
int session_cancel(Session *s, enum kftp_cancel_what what, uint64_t user_data);
int session_submit(Session *s, const struct kftp_submit *r);
/* An operation; a download; QUIT. path may be NULL, fd is -1 where there is none. */
struct kftp_submit request(enum kftp_op op, int fd, const char *path, uint64_t user_data);
struct kftp_submit retr(int fd, const char *path, uint64_t user_data);
struct kftp_submit quit_request(uint64_t user_data);
/* SUBMIT of a download; must succeed. */
void session_retr(Session *s, int fd, const char *path, uint64_t user_data);
/* SUBMIT of one without a file, and its DONE. */
void session_command(Session *s, enum kftp_op op, const char *path, int error);
/* With a peer that serves "bytes-777" (peer_serve_on(), for one): a download goes as if nothing had been, and QUIT. */
void session_assert_usable(Session *s);
/* QUIT must end the session in good order. */
void session_quit(Session *s);

/* ---- TLS --------------------------------------------------------------------------------------- */

/* main() of a program of tests with TLS; on kernels that have none, that is what is tested. */
#define TLS_DEVICE_TESTS(program, tests) \
        int main(void) { return tls_tests("device-" program, tests, sizeof(tests) / sizeof(tests[0])); }

int tls_tests(const char *program, const struct CMUnitTest *tests, size_t n);
bool tls_supported(void);
struct kftp_connect tls_connect_to(const Peer *p, enum kftp_tls_mode mode);
/* Armed with a new peer that plays script; short deadlines. */
Session *tls_armed(enum kftp_tls_mode mode, PeerScript script, void *userdata, Peer **ret_peer);
/* From now on its TLS events are answered as they should be. Returns it. */
Session *tls_agreed(Session *s);
/* All of it: logged in with explicit TLS that is required. */
Session *tls_session(PeerScript script, void *userdata, Peer **ret_peer);
/* peer_serve() with explicit TLS. */
void peer_secure_serve(Conn *c);

/* A descriptor that a TLS event has brought; closed at the test's end at the latest. */
typedef struct Lent {
        Session *session;
        int fd;
        enum kftp_role channel;
        TlsEnd *end;
        char heard[16384 + 256];
        struct Lent *next;
} Lent;

/* The last event was this; the next one must be it. */
Lent *lent_take(Session *s, enum kftp_role channel);
Lent *lent_expect(Session *s, enum kftp_role channel);
/* The handshake, and the keys to the kernel; by itself: 0 or -errno. */
int lent_hello(Lent *l);
int lent_keys(Lent *l, TlsDirection which);
void lent_shake(Lent *l);
/* What the caller itself says in TLS, and hears: one record. */
void lent_say(Lent *l, const char *line);
const char *lent_hear(Lent *l, size_t *ret_len);
/* Closes it. */
void lent_forget(Lent *l);
/* Closes it, and answers with KFTP_TLS: 0 or -errno. */
int lent_answer(Lent *l, int error);
int lent_answer_with(Lent *l, uint32_t flags, const void *pending, size_t n);
/* The handshake, the keys and the answer. */
int lent_serve(Lent *l);
/* What KFTP_TLS gets; KFTP_TLS. */
struct kftp_tls tls_answer(enum kftp_role channel, int error);
int session_answer(Session *s, const struct kftp_tls *t);

/* ---- Peers ----------------------------------------------------------------------------------- */

/* peer_start(), with peer_stop() at the test's end, where its complaint fails the test. */
Peer *test_peer(const char *address, PeerScript script, void *userdata);
/* Now instead of at the test's end. */
void test_peer_finish(Peer *p);
/* The commands that the peer has got must contain this line, or must not (fnmatch pattern). */
void assert_commanded(Peer *p, const char *pattern);
void assert_not_commanded(Peer *p, const char *pattern);

/* An address where a TCP connection is neither accepted nor refused. */
struct kftp_addr blackhole_address(void);
struct kftp_addr address_of(const char *text, uint16_t port);
void assert_same_address(const struct kftp_addr *a, const struct kftp_addr *b);

/* ---- Local files ----------------------------------------------------------------------------- */

/* A nameless regular file, closed at the test's end. */
int local_file(void);
/* The same, with the first n bytes of the peer's file in it. */
int filled_file(uint64_t n);
/* A file whose writing can be held up; one for each test. */
SlowFile *test_slow_file(int *ret_fd);
/* Remembers a descriptor, to be closed at the test's end; asserts that it is one. Returns it. */
int test_fd(int fd);
/* The bytes from offset are the peer's file; the file has this size. */
void assert_file_content(int fd, uint64_t offset, uint64_t n);
void assert_file_size(int fd, uint64_t size);

/* ---- Threads --------------------------------------------------------------------------------- */

/* A thread in one blocking RUN. */
typedef struct Runner Runner;
Runner *runner_start(Session *s);
/* Waits until it is in RUN, with nothing to do at once. */
void runner_wait_running(Runner *r);
pthread_t runner_thread(Runner *r);
/* Waits for its end; the RUN's result, with the event in the session. */
int runner_join(Runner *r);

/* ---- Time and the rest ------------------------------------------------------------------------ */

uint64_t now_ms(void);
void sleep_ms(unsigned ms);
/* Makes a directory for this test, removed at its end with all that is mounted on it. */
const char *test_directory(void);
/* What /proc/PID/fdinfo/FD says, in text. pid 0: this thread. */
int read_fdinfo(int pid, int fd, char *text, size_t n);
/* The value of a line "key:\tvalue" in it; NULL if there is none. */
char *fdinfo_value(const char *text, const char *key);
unsigned long module_refcount(void);
