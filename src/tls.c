// SPDX-License-Identifier: GPL-2.0-only
/*
 * TLS: lending a socket for the handshake, records that are no data, and close_notify.
 *
 * The handshake is the caller's. RUN lends the socket with a TLS event and does not touch it;
 * KFTP_TLS posts the answer into a mailbox with room for one; RUN takes it out, looks whether the
 * kernel's TLS really is in use in both directions, and goes on. From then on that layer encrypts
 * and decrypts, and hands out as control records what is no data. The socket stays shared with the
 * caller.
 */
#include <linux/delay.h>
#include <linux/slab.h>
#include <linux/tcp.h>
#include <net/inet_connection_sock.h>
#include <net/sock.h>
#include <net/tls.h>

#include "kftp.h"

/* RFC 8446 section 5.1, RFC 5246 section 6.2.1 */
#define RECORD_ALERT		21
#define RECORD_HANDSHAKE	22
#define RECORD_DATA		23

#define ALERT_WARNING		1
#define ALERT_CLOSE_NOTIFY	0
#define ALERT_USER_CANCELED	90
#define ALERT_NO_RENEGOTIATION	100

/* RFC 5246 section 7.4, RFC 8446 section 4 */
#define HANDSHAKE_HELLO_REQUEST	0
#define HANDSHAKE_TICKET	4
#define HANDSHAKE_KEY_UPDATE	24

/* In a row, without data in between: more are an attack, or a server gone mad. */
#define MAX_CONTROL_RECORDS	64

#define RECORD_CHUNK		256

#define BUSY_TRIES		5

#define ANSWER_FLAGS	(KFTP_TLS_RESUMED | KFTP_TLS_PROT_DONE)

/* ---- the mailbox --------------------------------------------------------------------------- */

/* Have the caller shake hands. Nothing is sent or received before kftp_tls_take() has said so. */
void kftp_tls_lend(struct kftp_session *s, struct kftp_conn *c, enum kftp_role role)
{
	c->lent = true;
	s->event.type = KFTP_EVENT_TLS;
	s->event.channel = role;
	kftp_session_set_deadline(s, s->config->connect_timeout);
}

/* The caller has the descriptor. */
void kftp_tls_lent(struct kftp_session *s, enum kftp_role role)
{
	spin_lock(&s->lock);
	s->tls_wanted = true;
	s->tls_role = role;
	spin_unlock(&s->lock);
	kftp_session_set_deadline(s, s->config->connect_timeout);
}

/* KFTP_TLS: posts, and RUN acts. */
int kftp_tls_answer(struct kftp_session *s, const struct kftp_tls *arg)
{
	void *pending = NULL;
	int r = 0;

	if (arg->flags & ~ANSWER_FLAGS || arg->channel > KFTP_ROLE_DATA || arg->error > 0 ||
	    arg->error < -MAX_ERRNO || arg->pending_len > KFTP_MAX_LINE ||
	    (arg->pending_len && arg->channel == KFTP_ROLE_DATA))
		return -EINVAL;
	if (arg->pending_len)
		pending = memdup_user(u64_to_user_ptr(arg->pending), arg->pending_len);
	if (IS_ERR(pending))
		return PTR_ERR(pending);
	spin_lock(&s->lock);
	if (!s->tls_wanted || s->tls_posted || s->tls_role != arg->channel) {
		r = -ESRCH;
	} else {
		s->tls_answer = *arg;
		s->tls_pending = pending;
		s->tls_posted = true;
	}
	spin_unlock(&s->lock);
	if (r)
		kfree(pending);
	else
		kftp_session_kick(s);
	return r;
}

/*
 * An event that could not be fetched, for want of a descriptor, holds nothing up: it goes when the
 * deadline has passed or somebody has cancelled.
 */
void kftp_tls_drop_stale_event(struct kftp_session *s)
{
	bool cancelled;

	if (s->event.type != KFTP_EVENT_TLS)
		return;
	spin_lock(&s->lock);
	cancelled = s->cancel_session || s->cancel_current;
	spin_unlock(&s->lock);
	if (cancelled || time_after_eq(jiffies, s->deadline))
		memset(&s->event, 0, sizeof(s->event));
}

/* Nobody waits for an answer any more. */
void kftp_tls_stop(struct kftp_session *s)
{
	void *pending;

	spin_lock(&s->lock);
	pending = s->tls_pending;
	s->tls_pending = NULL;
	s->tls_posted = false;
	s->tls_wanted = false;
	spin_unlock(&s->lock);
	kfree(pending);
}

/* With the socket locked: the layer's context, or NULL if the caller has not put it there. */
static struct tls_context *context_of(struct sock *sk)
{
	const struct tcp_ulp_ops *ops = inet_csk(sk)->icsk_ulp_ops;

	return ops && !strcmp(ops->name, "tls") ? tls_get_ctx(sk) : NULL;
}

static bool is_on(struct kftp_conn *c)
{
	struct sock *sk = c->sock->sk;
	const struct tls_context *tls;
	bool on;

	lock_sock(sk);
	tls = context_of(sk);
	on = tls && tls->tx_conf != TLS_BASE && tls->rx_conf != TLS_BASE;
	release_sock(sk);
	return on;
}

/* What the caller has read and the server has said to us; and what INFO shows. */
static void control_protected(struct kftp_session *s, const struct kftp_tls *answer,
			      const void *pending)
{
	memcpy(s->rx, pending, answer->pending_len);
	s->rx_len = answer->pending_len;
	s->rx_used = 0;
	s->data_private = answer->flags & KFTP_TLS_PROT_DONE;
	spin_lock(&s->lock);
	s->info.tls_version = answer->version;
	s->info.tls_cipher = answer->cipher;
	s->info.tls_flags = answer->flags;
	spin_unlock(&s->lock);
}

/**
 * kftp_tls_take() - Has the handshake ended?
 * @s: the session
 * @c: the connection that was lent
 *
 * Return: 1 if it is protected, 0 if there is no answer yet, or the error with which it has failed.
 */
int kftp_tls_take(struct kftp_session *s, struct kftp_conn *c)
{
	struct kftp_tls answer;
	void *pending;
	bool posted;
	int r;

	spin_lock(&s->lock);
	posted = s->tls_posted;
	answer = s->tls_answer;
	pending = s->tls_pending;
	if (posted) {
		s->tls_pending = NULL;
		s->tls_posted = false;
		s->tls_wanted = false;
	}
	spin_unlock(&s->lock);
	if (!posted)
		return 0;
	c->lent = false;
	r = answer.error;
	if (!r && !is_on(c))
		r = -ENOKEY;
	c->tls = !r;
	if (c->tls && c == &s->control)
		control_protected(s, &answer, pending);
	kfree(pending);
	return r ?: 1;
}

/* ---- records ------------------------------------------------------------------------------- */

/* Return: 1 if it was of no importance, 0 at the end, or an error. */
static int take_alert(struct kftp_conn *c, const u8 *alert, int len)
{
	if (len < 2)
		return -EPROTO;
	if (alert[1] == ALERT_CLOSE_NOTIFY) {
		c->clean_end = true;
		return 0;
	}
	/* TLS 1.3 has no other warnings, whatever the level says; TLS 1.2 needs none */
	if (alert[1] == ALERT_USER_CANCELED || alert[1] == ALERT_NO_RENEGOTIATION)
		return 1;
	c->session->alert = alert[1];
	return -ECONNABORTED;
}

/*
 * Tickets are for the caller's next handshake, who has seen enough of them. What would change keys
 * cannot be done without him, nor before Linux 6.14 at all. Only the first message of a record is
 * looked at: new keys behind a ticket show as a record that cannot be decrypted.
 */
static int take_handshake(const u8 *message, int len)
{
	if (!len)
		return -EPROTO;
	if (message[0] == HANDSHAKE_TICKET || message[0] == HANDSHAKE_HELLO_REQUEST)
		return 1;
	return message[0] == HANDSHAKE_KEY_UPDATE ? -EKEYEXPIRED : -EPROTO;
}

static int take_record(struct kftp_conn *c, u8 type, const u8 *data, int len)
{
	switch (type) {
	case RECORD_ALERT:
		return take_alert(c, data, len);
	case RECORD_HANDSHAKE:
		return take_handshake(data, len);
	case RECORD_DATA:
		return len ? -EPROTO : 1;
	}
	return -EPROTO;
}

/* Receive a part of a record, never into what is meant for data. type is 0 without a record. */
static int receive_part(struct kftp_conn *c, u8 *data, u8 *type, bool *last)
{
	u8 buf[CMSG_SPACE(sizeof(u8))] __aligned(__alignof__(struct cmsghdr)) = {};
	struct msghdr msg = { .msg_control = buf, .msg_controllen = sizeof(buf) };
	struct kvec kv = { .iov_base = data, .iov_len = RECORD_CHUNK };
	const struct cmsghdr *cmsg = (const void *)buf;
	int r;

	r = kernel_recvmsg(c->sock, &msg, &kv, 1, RECORD_CHUNK, MSG_DONTWAIT);
	*type = 0;
	if (cmsg->cmsg_level == SOL_TLS && cmsg->cmsg_type == TLS_GET_RECORD_TYPE)
		*type = *(const u8 *)CMSG_DATA(cmsg);
	*last = msg.msg_flags & MSG_EOR;
	return r;
}

/* A record that is no data is next. Return: 1 if it was taken, 0 at the end, or an error. */
static int control_record(struct kftp_conn *c)
{
	u8 first[RECORD_CHUNK], rest[RECORD_CHUNK], type, ignored;
	bool last;
	int r, len;

	len = receive_part(c, first, &type, &last);
	if (len < 0 || (!len && !type))
		return len;
	for (r = len; r == RECORD_CHUNK && !last && type != RECORD_DATA;) {
		r = receive_part(c, rest, &ignored, &last);	/* a ticket may be longer */
		if (r < 0)
			return r;
	}
	return take_record(c, type, first, len);
}

/* What the layer's errors mean to us. */
static int receive_error(int r)
{
	switch (r) {
	case -EBADMSG:
		return -EILSEQ;
	case -EINVAL:	/* no record at all */
	case -EMSGSIZE:
	case -EIO:
		return -EPROTO;
	}
	return r;
}

/**
 * kftp_tls_received() - Look at what receiving has brought
 * @c: a connection that is protected
 * @msg: as sock_recvmsg() has left it, without room for control messages
 * @r: what that has returned; changed to what it means
 * @records: how many control records came before, without data in between
 *
 * Without room for control messages each record sets MSG_CTRUNC; one that is no data is left where
 * it is, with -EIO or nothing received.
 *
 * Return: whether there was a record to be passed over, and receiving is to be tried again.
 */
bool kftp_tls_received(struct kftp_conn *c, const struct msghdr *msg, int *r,
		       unsigned int *records)
{
	bool control = (!*r || *r == -EIO) && msg->msg_flags & MSG_CTRUNC;

	if (control)
		*r = control_record(c);
	if (*r < 0)
		*r = receive_error(*r);
	if (!control || *r != 1)
		return false;
	if (++*records < MAX_CONTROL_RECORDS)
		return true;
	*r = -EPROTO;
	return false;
}

static bool is_sending(struct sock *sk)
{
	struct tls_context *tls;
	bool sending;

	lock_sock(sk);
	tls = context_of(sk);
	sending = tls && mutex_is_locked(&tls->tx_lock);
	release_sock(sk);
	return sending;
}

/*
 * Is somebody else sending? The layer itself does, for a moment, when there is room again. But who
 * has kept a descriptor may do so for as long as the peer likes, and the layer would have us wait
 * for him, also when it was told not to wait.
 */
bool kftp_tls_is_busy(struct kftp_conn *c)
{
	unsigned int tries;

	for (tries = 0; is_sending(c->sock->sk); tries++) {
		if (tries == BUSY_TRIES) {
			c->session->look_again = true;
			return true;
		}
		usleep_range(50, 100);
	}
	return false;
}

/**
 * kftp_tls_close_notify() - Tell the peer that all has been sent (RFC 8446 section 6.1)
 * @c: a connection that is protected
 *
 * A FIN alone could be anybody's.
 *
 * Return: 0, -EAGAIN if there is no room for it now, or an error.
 */
int kftp_tls_close_notify(struct kftp_conn *c)
{
	u8 buf[CMSG_SPACE(sizeof(u8))] __aligned(__alignof__(struct cmsghdr)) = {};
	u8 alert[] = { ALERT_WARNING, ALERT_CLOSE_NOTIFY };
	struct kvec kv = { .iov_base = alert, .iov_len = sizeof(alert) };
	struct msghdr msg = { .msg_control = buf, .msg_controllen = sizeof(buf),
			      .msg_flags = MSG_DONTWAIT | MSG_NOSIGNAL };
	struct cmsghdr *cmsg = (void *)buf;
	int r;

	cmsg->cmsg_level = SOL_TLS;
	cmsg->cmsg_type = TLS_SET_RECORD_TYPE;
	cmsg->cmsg_len = CMSG_LEN(sizeof(u8));
	*(u8 *)CMSG_DATA(cmsg) = RECORD_ALERT;
	WRITE_ONCE(c->want_write, true);
	if (kftp_tls_is_busy(c))
		return -EAGAIN;
	r = kernel_sendmsg(c->sock, &msg, &kv, 1, sizeof(alert));
	return min(r, 0);
}

/*
 * Has the layer given all its records to TCP? What it still holds when the socket is half closed is
 * lost: a FIN overtakes it.
 */
bool kftp_tls_is_flushed(struct kftp_conn *c)
{
	struct sock *sk = c->sock->sk;
	struct tls_context *tls;
	bool flushed;

	lock_sock(sk);
	tls = context_of(sk);
	flushed = !tls || (!tls->partially_sent_record &&
			   (tls->tx_conf != TLS_SW || list_empty(&tls_sw_ctx_tx(tls)->tx_list)));
	release_sock(sk);
	return flushed;
}
