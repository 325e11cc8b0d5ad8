/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The module's own types, in one place. The contract with user space is uapi/kftp.h.
 *
 * Who may touch what in a session:
 *
 *  - "RUN": only the one KFTP_RUN that holds KFTP_RUNNING, and release;
 *  - "lock": under session.lock, from any call;
 *  - "config": written before it is published by KFTP_CONNECT, constant afterwards.
 */
#ifndef KFTP_KFTP_H
#define KFTP_KFTP_H

#include <linux/fs.h>
#include <linux/list.h>
#include <linux/net.h>
#include <linux/poll.h>
#include <linux/seq_file.h>
#include <linux/spinlock.h>
#include <linux/uaccess.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include "uapi/kftp.h"
#include "reply.h"

struct kftp_session;
struct kftp_request;

/* A password, or another text from the caller. data is NULL if it was absent. */
struct kftp_text {
	char *data;
	size_t len;
};

/* What KFTP_CONNECT has stored. */
struct kftp_config {
	struct kftp_connect arg;	/* as it came; text and times are below */
	unsigned long connect_timeout;	/* jiffies */
	unsigned long reply_timeout;
	unsigned long data_timeout;
	unsigned long idle_timeout;
	unsigned long abort_timeout;
	unsigned long progress_interval;
	struct kftp_text host;
	struct kftp_text user;		/* RUN from here on: wiped once sent */
	struct kftp_text password;
	struct kftp_text account;
	/* whose session it is */
	struct mm_struct *mm;
	struct net *net;
	const struct cred *cred;
};

/* A socket, or a pipe, and the session's own entry on its wait queue. */
struct kftp_conn {
	struct kftp_session *session;
	struct file *file;		/* NULL: there is none */
	struct socket *sock;		/* of file; NULL: a pipe */
	poll_table pt;
	wait_queue_entry_t entry;
	wait_queue_head_t *head;
	bool want_write;		/* wake up when it can be written */
	bool lent;			/* for the caller's handshake */
	bool tls;			/* protected: by the kernel's TLS, both ways */
	bool clean_end;			/* close_notify came */
};

/* How to get a data connection, in the order in which they are tried. */
enum kftp_method {
	KFTP_EPSV,
	KFTP_PASV,
	KFTP_EPRT,
	KFTP_PORT,
};

/* How a session or a request ended, in the server's words too. */
struct kftp_end {
	int error;
	u16 reply;
	u16 text_len;
	u8 alert;
	char text[KFTP_MAX_TEXT];
};

/* What becomes a request's DONE. */
struct kftp_result {
	struct kftp_end end;
	bool local_file;
	bool active;
	bool encrypted;
	bool unclean;			/* TLS: it ended without close_notify */
	bool has_size;
	bool has_mtime;
	u64 bytes;
	u64 nsec;
	u64 size;
	s64 mtime;
	struct kftp_addr local;
	struct kftp_addr peer;
};

/*
 * One step of a request. Returns 1 when there was nothing to do and the next step is due, 0 when
 * it has to wait (for a reply, a connection, data), or an error that ends the session.
 */
typedef int (*kftp_step_fn)(struct kftp_session *s, struct kftp_request *q);

/* The same for a step of the login. */
typedef int (*kftp_login_fn)(struct kftp_session *s);

/* Takes the final reply to a command. Returns 0, or an error that ends the session. */
typedef int (*kftp_reply_fn)(struct kftp_session *s, const struct kftp_reply *r);

/* What a request has to have, or may have; all else is refused. */
#define KFTP_NEEDS_PATH		BIT(0)
#define KFTP_MAY_PATH		BIT(1)
#define KFTP_NEEDS_PATH2	BIT(2)
#define KFTP_NEEDS_FILE		BIT(3)
#define KFTP_RESTARTS		BIT(4)	/* offset, and the flags of kftp_submit */
#define KFTP_MAY_LENGTH		BIT(5)
#define KFTP_NEEDS_DIGEST	BIT(6)
#define KFTP_MAY_MTIME		BIT(7)
#define KFTP_MAY_MODE		BIT(8)
/* What kind of a request it is. */
#define KFTP_UPLOADS		BIT(9)
#define KFTP_LISTS		BIT(10)	/* length is a limit, not a range */
#define KFTP_ASCII		BIT(11)	/* wants TYPE A */

struct kftp_operation {
	const kftp_step_fn *steps;
	const char *verb;
	unsigned int flags;
};

struct kftp_request {
	struct list_head link;		/* lock: in session.queue or session.done */
	const struct kftp_operation *op;
	struct kftp_submit arg;		/* as it came */
	struct file *file;
	bool ending;			/* lock: cancelled or being aborted */
	/* RUN */
	const kftp_step_fn *step;	/* the next one */
	unsigned int tried;		/* methods, as bits */
	enum kftp_method method;
	int open_error;			/* of the first method that failed after it got a port */
	u16 port;			/* passive: where the server listens */
	unsigned int strangers;		/* that have dialled in */
	bool preliminary;		/* a 1xx came */
	bool unannounced;		/* none came, and we no longer wait for it */
	bool waiting;			/* for it, before anything is sent */
	bool was_pending;		/* a restart, before ours */
	bool data_ended;
	bool cut;			/* by us: length has come */
	bool copies;			/* its file cannot be spliced to a socket */
	bool goodbye;			/* TLS: close_notify was sent */
	bool broken;			/* TLS: data_error is about the records */
	int data_error;
	u32 acked;			/* TCP's, when it was last looked at */
	unsigned int attempt;		/* of several forms of a command */
	ktime_t begun;
	struct kftp_result result;
	char path[];			/* path2 follows it */
};

/* Bytes on their way between the network and the file. */
struct kftp_buffer {
	struct page *page;
	unsigned int order;
	unsigned int start;
	unsigned int len;
};

/* One call of KFTP_RUN. */
struct kftp_call {
	u64 max_bytes;
	u64 moved;
	bool nonblock;
	struct kftp_buffer buffer;
};

/* An event other than DONE and CLOSED that waits to be fetched. Its text is borrowed. */
struct kftp_event {
	u32 type;
	u32 flags;
	u32 channel;
	u32 reply;
	const char *text;
	u32 text_len;
};

/* Bits of kftp_session.bits */
#define KFTP_RUNNING	0		/* a KFTP_RUN is in progress */
#define KFTP_WOKEN	1		/* there may be something to do */
#define KFTP_HUNG_UP	2		/* CLOSED was fetched */

struct kftp_session {
	unsigned long bits;
	wait_queue_head_t wait;
	struct delayed_work timer;
	u32 id;				/* in tracepoints */

	struct kftp_config *config;	/* config; NULL until KFTP_CONNECT */

	spinlock_t lock;		/* what others post, and what they are shown */
	struct list_head queue;		/* lock: requests to be begun */
	struct list_head done;		/* lock: requests to be reported */
	struct kftp_request *current_request;	/* lock to change, RUN to read */
	unsigned int requests;		/* lock: all of the above */
	bool cancel_current;		/* lock */
	bool cancel_session;		/* lock */
	bool adopt_wanted;		/* lock: KFTP_ADOPT may post, once */
	bool adopt_posted;		/* lock */
	enum kftp_role adopt_role;	/* lock */
	struct file *adopted;		/* lock: what it has posted; NULL: could not be had */
	struct socket *adopted_sock;	/* lock: of that file */
	bool tls_wanted;		/* lock: KFTP_TLS may post, once */
	bool tls_posted;		/* lock */
	enum kftp_role tls_role;	/* lock */
	struct kftp_tls tls_answer;	/* lock: what it has posted */
	void *tls_pending;		/* lock: and with it */
	struct kftp_info info;		/* lock: the snapshot that KFTP_INFO and fdinfo show */

	/* RUN */
	enum kftp_state state;
	unsigned long deadline;		/* jiffies */
	struct kftp_event event;
	struct kftp_buffer held;	/* after a short write, or a short send */
	unsigned long progress_at;	/* jiffies */
	bool look_again;		/* soon: for what wakes nobody */

	struct kftp_conn control;
	char *rx;			/* KFTP_MAX_LINE bytes */
	unsigned int rx_len;
	unsigned int rx_used;		/* of the line that was taken last */
	char *tx;			/* the command being sent, or NULL */
	unsigned int tx_len;
	unsigned int tx_sent;
	kftp_reply_fn on_reply;		/* NULL: no reply is owed */
	bool is_type;			/* it was TYPE, which some answer with 226: */
	bool type_226;			/* this server does */
	bool listing;			/* the reply is as long as it likes */
	void (*on_line)(struct kftp_session *s, const char *line, size_t len);
	unsigned int lines;		/* since the last command */
	struct kftp_reply reply;

	struct kftp_conn data;
	struct kftp_conn listener;
	struct kftp_conn source;	/* a pipe that is uploaded */
	unsigned int refused;		/* methods that do not work here, as bits */
	unsigned int mfmt_off;		/* ways to set a time that do not work here, as bits */
	bool restarted;			/* REST was sent */
	bool restart_pending;		/* it was accepted, and may be in force */
	int lost;			/* how the control connection was, while data still comes */
	bool fragile;			/* the server falls over commands that it does not know */
	char type;			/* of the representation: 'A', 'I', 0 */
	bool auth_ssl;			/* AUTH TLS was refused, and this tried */
	bool welcome;			/* 230, before any AUTH: no log-in is wanted */
	bool data_private;		/* PROT P: data connections are protected */
	u8 alert;			/* the server's last fatal one */
	const kftp_login_fn *login;	/* the next step */

	struct kftp_end end;
};

/* main.c */
extern struct workqueue_struct *kftp_wq;
extern bool kftp_allow_userns;
extern bool kftp_allow_connect;

/* device.c */
extern const struct file_operations kftp_fops;

/* session.c: the states, their deadlines, RUN's loop and its one wait point */
struct kftp_session *kftp_session_new(void);
void kftp_session_free(struct kftp_session *s);
void kftp_config_wipe(struct kftp_config *config);
int kftp_session_connect(struct kftp_session *s, const struct kftp_connect *arg);
long kftp_session_run(struct file *file, struct kftp_session *s, struct kftp_run __user *arg);
bool kftp_session_is_mine(const struct kftp_config *config);
void kftp_session_kick(struct kftp_session *s);
void kftp_session_count(struct kftp_session *s, u64 *counter, u64 n);
void kftp_session_enter(struct kftp_session *s, enum kftp_state state);
void kftp_session_set_deadline(struct kftp_session *s, unsigned long timeout);
void kftp_session_end(struct kftp_session *s, int error, const struct kftp_reply *r);

/* event.c: what RUN tells the caller */
bool kftp_event_pending(struct kftp_session *s);
int kftp_event_deliver(struct kftp_session *s, struct kftp_run *out, u32 size,
		       struct kftp_run __user *arg);
void kftp_event_line(struct kftp_session *s, bool sent, bool more, const char *text, size_t len);

/* request.c: the queue and the life of a request */
int kftp_request_submit(struct kftp_session *s, const struct kftp_submit *arg);
int kftp_request_cancel(struct kftp_session *s, const struct kftp_cancel *arg);
int kftp_request_next(struct kftp_session *s);
int kftp_request_advance(struct kftp_session *s);
void kftp_request_note_reply(struct kftp_end *end, const struct kftp_reply *r);
bool kftp_request_abandoned(struct kftp_session *s);
void kftp_request_done(struct kftp_session *s, int error, const struct kftp_reply *r);
void kftp_request_abort(struct kftp_session *s, int error, bool local_file);
void kftp_request_drop_all(struct kftp_session *s);
void kftp_request_free(struct kftp_request *q);

/* conn.c: sockets */
int kftp_addr_check_remote(const struct kftp_addr *a);
bool kftp_addr_same_host(const struct kftp_addr *a, const struct kftp_addr *b);
int kftp_addr_to_sockaddr(const struct kftp_addr *a, struct sockaddr_storage *ss);
int kftp_conn_open(struct kftp_session *s, struct kftp_conn *c, int family);
int kftp_conn_bind(struct kftp_conn *c, const struct kftp_addr *a);
int kftp_conn_connect(struct kftp_conn *c, const struct kftp_addr *peer);
int kftp_conn_is_up(struct kftp_conn *c);
int kftp_conn_listen(struct kftp_conn *c);
int kftp_conn_accept(struct kftp_conn *listener, struct kftp_conn *c);
void kftp_conn_attach(struct kftp_session *s, struct kftp_conn *c, struct file *file,
		      struct socket *sock);
int kftp_conn_name(struct kftp_conn *c, struct kftp_addr *a, bool peer);
int kftp_conn_send(struct kftp_conn *c, const void *data, size_t len, int flags);
int kftp_conn_space(struct kftp_conn *c);
bool kftp_conn_is_broken(const struct kftp_conn *c);
int kftp_conn_error(struct kftp_conn *c);
int kftp_conn_receive(struct kftp_conn *c, void *data, size_t len);
int kftp_conn_receive_page(struct kftp_conn *c, struct page *page, size_t len);
void kftp_conn_close(struct kftp_conn *c);
void kftp_conn_reset(struct kftp_conn *c, bool always);

/* control.c: the control connection */
int kftp_control_connect(struct kftp_session *s);
int kftp_control_connected(struct kftp_session *s);
int kftp_control_step(struct kftp_session *s);
int kftp_control_command(struct kftp_session *s, kftp_reply_fn on_reply, const char *verb,
			 const char *arg, size_t len);
int kftp_control_command_with(struct kftp_session *s, kftp_reply_fn on_reply, const char *verb,
			      const char *arg, size_t len, const char *after);
int kftp_control_secret(struct kftp_session *s, kftp_reply_fn on_reply, const char *verb,
			struct kftp_text *secret);
int kftp_control_abort(struct kftp_session *s, kftp_reply_fn on_reply);
void kftp_control_listing(struct kftp_session *s, const char *line, size_t len);
void kftp_control_close(struct kftp_session *s);
void kftp_text_wipe(struct kftp_text *t);

/* adopt.c: sockets that the caller has connected */
int kftp_adopt(struct kftp_session *s, const struct kftp_adopt *arg);
void kftp_adopt_want(struct kftp_session *s, enum kftp_role role);
int kftp_adopt_take(struct kftp_session *s, struct kftp_conn *c);
void kftp_adopt_stop(struct kftp_session *s);

/* tls.c: lending a socket for the handshake; records that are no data */
void kftp_tls_lend(struct kftp_session *s, struct kftp_conn *c, enum kftp_role role);
void kftp_tls_lent(struct kftp_session *s, enum kftp_role role);
int kftp_tls_answer(struct kftp_session *s, const struct kftp_tls *arg);
int kftp_tls_take(struct kftp_session *s, struct kftp_conn *c);
void kftp_tls_drop_stale_event(struct kftp_session *s);
void kftp_tls_stop(struct kftp_session *s);
bool kftp_tls_received(struct kftp_conn *c, const struct msghdr *msg, int *r,
		       unsigned int *records);
bool kftp_tls_is_busy(struct kftp_conn *c);
int kftp_tls_close_notify(struct kftp_conn *c);
bool kftp_tls_is_flushed(struct kftp_conn *c);

/* login.c */
void kftp_login_banner(struct kftp_session *s, const char *line, size_t len);
int kftp_login_greeting(struct kftp_session *s, const struct kftp_reply *r);
int kftp_login_protected(struct kftp_session *s);
int kftp_login_type(struct kftp_session *s, char type, kftp_reply_fn on_reply);

/* data.c: the data connection */
int kftp_data_announce(struct kftp_session *s, struct kftp_request *q);
int kftp_data_open(struct kftp_session *s, struct kftp_request *q);
int kftp_data_opened(struct kftp_session *s);
int kftp_data_failed(struct kftp_session *s, int error, const struct kftp_reply *r);
int kftp_data_accept(struct kftp_session *s, struct kftp_request *q);
void kftp_data_forget(struct kftp_session *s);
void kftp_data_close(struct kftp_session *s);

/* command.c: requests whose result is a reply, and the steps that all share */
extern const struct kftp_operation kftp_operations[KFTP_OP_QUIT + 1];
bool kftp_raw_is_allowed(const char *line, size_t len);

/* transfer.c: requests that move data, from REST to their last reply */
int kftp_transfer_restart(struct kftp_session *s, struct kftp_request *q);
int kftp_transfer_begin(struct kftp_session *s, struct kftp_request *q);
bool kftp_transfer_survives(const struct kftp_request *q);
int kftp_transfer_expired(struct kftp_session *s);
bool kftp_transfer_outlives(struct kftp_session *s, int error);
void kftp_transfer_announced(struct kftp_request *q, const struct kftp_reply *r);
int kftp_transfer_step(struct kftp_session *s, struct kftp_call *call);

/* mover.c: socket <-> file */
int kftp_write(struct kftp_session *s, struct kftp_request *q, const char *data, size_t len);
int kftp_move_in(struct kftp_session *s, struct kftp_request *q, struct kftp_call *call);
int kftp_move_out(struct kftp_session *s, struct kftp_request *q, struct kftp_call *call);
void kftp_buffer_free(struct kftp_buffer *b);

#endif /* KFTP_KFTP_H */
