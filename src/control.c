// SPDX-License-Identifier: GPL-2.0-only
/*
 * The control connection: connect, send a command, take a line, match a reply.
 *
 * A command goes out together with the function that takes its reply. One command is under way
 * at a time, and none before what has come already was read: that answers something else. A line
 * stays in the buffer until the next step, because a LINE event may show it.
 */
#include <linux/slab.h>
#include <linux/tcp.h>
#include <net/sock.h>

#include "kftp.h"
#include "trace.h"

/* Of replies that nobody has asked for; more are an attack, or a server gone mad. */
#define MAX_STRAY_LINES	64

/* Between keep-alive probes of an idle control connection: shorter than firewalls forget. */
#define KEEPALIVE_SECONDS	60

/* Begin to connect, or wait for KFTP_ADOPT; the first step of a session. */
int kftp_control_connect(struct kftp_session *s)
{
	const struct kftp_config *config = s->config;
	int r;

	s->rx = kmalloc(KFTP_MAX_LINE, GFP_KERNEL_ACCOUNT);
	if (!s->rx)
		return -ENOMEM;
	kftp_data_forget(s);
	kftp_session_enter(s, KFTP_STATE_CONNECTING);
	kftp_session_set_deadline(s, config->connect_timeout);
	if (config->arg.flags & KFTP_CONNECT_ADOPT)
		return 1;
	r = kftp_conn_open(s, &s->control, config->arg.peer.family);
	if (r)
		return r;
	if (config->arg.source.family) {
		r = kftp_conn_bind(&s->control, &config->arg.source);
		if (r)
			return r;
	}
	r = kftp_conn_connect(&s->control, &config->arg.peer);
	return r < 0 ? r : 1;
}

/* Is it connected? Then wait for the greeting. Return: 1, -EAGAIN, or an error. */
int kftp_control_connected(struct kftp_session *s)
{
	struct kftp_addr local, peer;
	int r;

	r = s->control.file ? 1 : kftp_adopt_take(s, &s->control);
	if (r > 0)
		r = kftp_conn_is_up(&s->control);
	if (r <= 0)
		return r ?: -EAGAIN;
	sock_set_keepalive(s->control.sock->sk);
	tcp_sock_set_keepidle(s->control.sock->sk, KEEPALIVE_SECONDS);
	tcp_sock_set_keepintvl(s->control.sock->sk, KEEPALIVE_SECONDS);
	r = kftp_conn_name(&s->control, &local, false);
	if (!r)
		r = kftp_conn_name(&s->control, &peer, true);
	if (r)
		return r;
	spin_lock(&s->lock);
	s->info.local = local;
	s->info.peer = peer;
	spin_unlock(&s->lock);
	s->on_reply = kftp_login_greeting;
	s->on_line = kftp_login_banner;
	s->lines = 0;
	kftp_session_enter(s, KFTP_STATE_GREETING);
	kftp_session_set_deadline(s, s->config->reply_timeout);
	if (s->config->arg.tls == KFTP_TLS_IMPLICIT)
		kftp_tls_lend(s, &s->control, KFTP_ROLE_CONTROL);
	return 1;
}

/*
 * Queue "VERB arg\r\n", or what there is of it. With secret, what is shown of it elsewhere is
 * "VERB ****".
 */
static int queue_command(struct kftp_session *s, kftp_reply_fn on_reply, const char *verb,
			 const char *arg, size_t len, const char *after, bool secret)
{
	size_t n = strlen(verb), after_len = strlen(after);
	char *tx;

	if (WARN_ON_ONCE(s->tx || s->on_reply))
		return -EINVAL;
	tx = kmalloc(n + 1 + len + after_len + 2, GFP_KERNEL_ACCOUNT);
	if (!tx)
		return -ENOMEM;
	memcpy(tx, verb, n);
	if (n && arg)
		tx[n++] = ' ';
	if (len)
		memcpy(tx + n, arg, len);
	memcpy(tx + n + len, after, after_len);
	n += len + after_len;
	tx[n] = '\r';
	tx[n + 1] = '\n';
	s->tx = tx;
	s->tx_len = n + 2;
	s->tx_sent = 0;
	s->on_reply = on_reply;
	s->listing = false;
	s->is_type = !strcmp(verb, "TYPE");
	s->lines = 0;
	kftp_session_set_deadline(s, s->config->reply_timeout);
	kftp_session_count(s, &s->info.commands, 1);
	trace_kftp_command(s->id, verb, secret ? 0 : len);
	if (secret)	/* with a fixed length: its own says something about it */
		kftp_event_line(s, true, false, *verb == 'P' ? "PASS ****" : "ACCT ****", 9);
	else
		kftp_event_line(s, true, false, tx, n);
	return 0;
}

/**
 * kftp_control_command() - Send a command
 * @s: the session, which owes no reply
 * @on_reply: takes the reply; never a 1xx
 * @verb: the command; an argument of it that never varies may stand in it
 * @arg: the argument, free of control bytes, or NULL
 * @len: its length
 *
 * The reply's deadline begins now.
 *
 * Return: 0, or an error that ends the session.
 */
int kftp_control_command(struct kftp_session *s, kftp_reply_fn on_reply, const char *verb,
			 const char *arg, size_t len)
{
	return queue_command(s, on_reply, verb, arg, len, "", false);
}

/* As kftp_control_command(), with something after the argument. */
int kftp_control_command_with(struct kftp_session *s, kftp_reply_fn on_reply, const char *verb,
			      const char *arg, size_t len, const char *after)
{
	return queue_command(s, on_reply, verb, arg, len, after, false);
}

/* As kftp_control_command(), for PASS and ACCT: secret is wiped, and shown nowhere. */
int kftp_control_secret(struct kftp_session *s, kftp_reply_fn on_reply, const char *verb,
			struct kftp_text *secret)
{
	int r = queue_command(s, on_reply, verb, secret->data, secret->len, "", true);

	kftp_text_wipe(secret);
	return r;
}

/**
 * kftp_control_abort() - Interrupt the transfer that is under way
 * @s: the session, which owes the transfer's reply
 * @on_reply: takes that reply, before which the one to ABOR does not come
 *
 * RFC 959 section 4.1.3: the Telnet "interrupt process" and "synch" signals, the latter's mark as
 * urgent data, make those servers look that do not read their control connection meanwhile. TLS has
 * neither.
 *
 * Return: 0, or an error that ends the session.
 */
int kftp_control_abort(struct kftp_session *s, kftp_reply_fn on_reply)
{
	static const char interrupt[] = { '\377', '\364', '\377' }, data_mark = '\362';
	const int n = sizeof(interrupt);

	s->on_reply = NULL;
	if (!s->control.tls && (kftp_conn_send(&s->control, interrupt, n, MSG_OOB) != n ||
				kftp_conn_send(&s->control, &data_mark, 1, 0) != 1))
		return -ECONNRESET;
	return kftp_control_command(s, on_reply, "ABOR", NULL, 0);
}

void kftp_text_wipe(struct kftp_text *t)
{
	kfree_sensitive(t->data);
	t->data = NULL;
	t->len = 0;
}

/* Return: 1 if something was sent, -EAGAIN if not, or an error. */
static int flush_command(struct kftp_session *s)
{
	int r;

	if (!s->tx)
		return -EAGAIN;
	r = kftp_conn_send(&s->control, s->tx + s->tx_sent, s->tx_len - s->tx_sent, 0);
	if (r < 0)
		return r;
	s->tx_sent += r;
	if (s->tx_sent < s->tx_len)
		return 1;
	kfree_sensitive(s->tx);
	s->tx = NULL;
	/* the caller may have been away since the command was made */
	if (s->state != KFTP_STATE_ABORTING)
		kftp_session_set_deadline(s, s->config->reply_timeout);
	return 1;
}

static void drop_used_line(struct kftp_session *s)
{
	if (!s->rx_used)
		return;
	s->rx_len -= s->rx_used;
	memmove(s->rx, s->rx + s->rx_used, s->rx_len);
	s->rx_used = 0;
}

/* The lines between the first and the last of a reply go to the request's file. */
void kftp_control_listing(struct kftp_session *s, const char *line, size_t len)
{
	struct kftp_request *q = s->current_request;
	int r;

	if (q->arg.length && q->result.bytes + len + 1 > q->arg.length) {
		kftp_request_abort(s, -EMSGSIZE, false);
		return;
	}
	s->rx[len] = '\n';	/* the line's own end has been cut off there, or behind */
	r = kftp_write(s, q, line, len + 1);
	if (r)
		kftp_request_abort(s, r, true);
}

/* Nobody has asked for it: some servers say 226 twice, even after the next command was sent. */
static bool is_stray(const struct kftp_session *s)
{
	bool late = s->reply.code == 226 || s->reply.code == 225;

	if (s->state == KFTP_STATE_ABORTING)	/* the ABOR may not be out yet */
		return !s->on_reply;
	if (!s->on_reply || s->tx)
		return true;
	if (s->state == KFTP_STATE_LOGIN)
		return late && !s->is_type;
	return s->state == KFTP_STATE_COMMAND && late && !(s->is_type && s->type_226);
}

/* Does the line belong to what on_line wants to see? Of a listing, only what stands between. */
static bool is_wanted_line(const struct kftp_session *s, bool first)
{
	if (!s->on_line || !s->reply.code || is_stray(s))
		return false;
	return !s->listing || (!first && !s->reply.complete && s->reply.code / 100 == 2);
}

/* A whole line stands at the start of the buffer, n bytes with its end. */
static int take_line(struct kftp_session *s, size_t n)
{
	bool first = !s->reply.code;
	int r, len;

	s->rx_used = n;
	s->reply.unlimited = s->listing && s->on_reply;
	if (++s->lines > (s->on_reply ? KFTP_REPLY_MAX_LINES : MAX_STRAY_LINES) &&
	    !s->reply.unlimited)
		return -EMSGSIZE;
	len = kftp_line_clean(s->rx, n);
	if (len < 0)
		return len;
	r = kftp_reply_feed(&s->reply, s->rx, len);
	if (r < 0)
		return r;
	if (is_wanted_line(s, first))
		s->on_line(s, s->rx, len);
	kftp_event_line(s, false, !r && s->reply.code, s->rx, len);
	return 1;
}

/* Return: 1 if a line was taken or bytes have come, -EAGAIN, or an error. */
static int read_line(struct kftp_session *s)
{
	char *end;
	int r;

	drop_used_line(s);
	end = memchr(s->rx, '\n', s->rx_len);
	if (end)
		return take_line(s, end + 1 - s->rx);
	if (s->rx_len == KFTP_MAX_LINE)
		return -EMSGSIZE;
	r = kftp_conn_receive(&s->control, s->rx + s->rx_len, KFTP_MAX_LINE - s->rx_len);
	if (r <= 0)
		return r ?: -ECONNRESET;
	s->rx_len += r;
	return 1;
}

static int final_reply(struct kftp_session *s)
{
	kftp_reply_fn on_reply = s->on_reply;

	s->on_reply = NULL;
	s->on_line = NULL;
	s->lines = 0;
	return on_reply(s, &s->reply);
}

/*
 * More is to come. Only the first one starts the data's deadline: they cost a server nothing. But
 * Pure-FTPd, cut off by us at the end of a part, has a second one as its last word.
 */
static int preliminary_reply(struct kftp_session *s)
{
	struct kftp_request *q = s->current_request;

	if (s->state == KFTP_STATE_FINISHING && q->cut && q->preliminary)
		return final_reply(s);
	if (s->state == KFTP_STATE_TRANSFER && !q->preliminary) {
		q->preliminary = true;
		kftp_transfer_announced(q, &s->reply);
		if (!s->data.lent)
			kftp_session_set_deadline(s, s->config->data_timeout);
	}
	return 0;
}

/* Return: 1, or an error that ends the session. */
static int dispatch_reply(struct kftp_session *s)
{
	int r = 0;

	kftp_session_count(s, &s->info.replies, 1);
	trace_kftp_reply(s->id, &s->reply);
	if (s->reply.code == 421)	/* RFC 959: may come at any time, and ends the session */
		kftp_session_end(s, -ECONNRESET, &s->reply);
	else if (is_stray(s))
		r = s->reply.code / 100 == 2 ? 0 : -EPROTO;
	else if (s->reply.code < 200)
		r = preliminary_reply(s);
	else
		r = final_reply(s);
	kftp_reply_reset(&s->reply);
	return r < 0 ? r : 1;
}

/* Return: 1 if something moved, -EAGAIN, or an error that ends the session. */
int kftp_control_step(struct kftp_session *s)
{
	int r = -EAGAIN;

	if (s->reply.complete)
		return dispatch_reply(s);
	if (s->tx && !s->tx_sent)
		r = read_line(s);
	if (r == -EAGAIN)
		r = flush_command(s);
	return r == -EAGAIN ? read_line(s) : r;
}

void kftp_control_close(struct kftp_session *s)
{
	kftp_conn_close(&s->control);
	kfree_sensitive(s->tx);
	s->tx = NULL;
	kfree(s->rx);
	s->rx = NULL;
	s->rx_len = 0;
	s->rx_used = 0;
	s->on_reply = NULL;
	s->on_line = NULL;
}
