// SPDX-License-Identifier: GPL-2.0-only
/*
 * Requests that move data, from REST to their last reply.
 *
 * Data, replies and the end of either come in any order: a 226 may overtake the data, or come
 * without any; a 1xx may be missing or come twice; the last reply may never come at all.
 */
#include <net/tcp.h>

#include "kftp.h"

/* How long data may lag behind a 2xx that no 1xx has announced, and a 1xx behind the data. */
#define NO_DATA_GRACE	(2UL * HZ)
#define NO_1XX_GRACE	(2UL * HZ)

/* One step may move this many chunks before signals and the control connection get a look. */
#define CHUNKS_A_STEP	16

static bool uploads(const struct kftp_request *q)
{
	return q->op->flags & KFTP_UPLOADS;
}

static int on_restart(struct kftp_session *s, const struct kftp_reply *r)
{
	struct kftp_request *q = s->current_request;

	if (r->code / 100 <= 3)
		return kftp_request_advance(s);
	s->restart_pending = q->was_pending;
	kftp_request_done(s, -ESPIPE, r);
	return 0;
}

/* RFC 3659 section 5: directly before the transfer command. */
int kftp_transfer_restart(struct kftp_session *s, struct kftp_request *q)
{
	bool appends = q->arg.op == KFTP_OP_APPE || q->arg.op == KFTP_OP_STOU;
	u64 offset = appends ? 0 : q->arg.offset;
	char arg[24];
	int n;

	/* one that was not used up, because its request was cancelled, is still in force */
	if (!offset && !s->restart_pending)
		return 1;
	q->was_pending = s->restart_pending;
	s->restart_pending = true;	/* even if nobody waits for the reply */
	s->restarted = true;
	n = scnprintf(arg, sizeof(arg), "%llu", offset);
	return kftp_control_command(s, on_restart, "REST", arg, n);
}

/* Are all the bytes there, as far as one can know? */
static bool is_whole(const struct kftp_request *q)
{
	return q->result.has_size && q->arg.offset + q->result.bytes == q->result.size;
}

/**
 * kftp_transfer_survives() - Is the running request good without its last reply?
 * @q: the request
 *
 * The control connection of a long transfer idles, and firewalls drop idle connections. An upload
 * is good only when the server says so.
 *
 * Return: whether the data has ended by itself with as many bytes as SIZE has promised, or after as
 * many as were wanted.
 */
bool kftp_transfer_survives(const struct kftp_request *q)
{
	return !uploads(q) && q->data_ended && !q->data_error && (q->cut || is_whole(q));
}

/* An empty file needs no data connection, if the server does not mind. */
static bool is_all_sent(const struct kftp_request *q)
{
	struct inode *inode = file_inode(q->file);

	return q->data_ended || (S_ISREG(inode->i_mode) &&
				 i_size_read(inode) <= q->arg.offset + q->result.bytes);
}

/* What the last reply and the data together mean. */
static int verdict(const struct kftp_request *q)
{
	/* after our own close servers say 226, 426, 451, 550 */
	if (q->cut)
		return 0;
	/* and to whom the records are not their own, they say what happened to them */
	if (q->broken)
		return q->data_error;
	if (q->result.end.reply / 100 != 2)
		return -EREMOTEIO;
	if (uploads(q))
		return q->data_error ?: is_all_sent(q) ? 0 : -EBADMSG;
	if (is_whole(q))
		return 0;
	return q->data_error ?: q->result.has_size || q->result.unclean ? -EBADMSG : 0;
}

/*
 * Was the data connection reset before all that was queued had arrived? Our FIN counts as a byte. A
 * server that says 226 to that has a part of the file.
 */
static bool was_reset(const struct kftp_session *s, const struct kftp_request *q)
{
	const struct sock *sk = s->data.sock->sk;
	s32 left = READ_ONCE(tcp_sk(sk)->write_seq) - READ_ONCE(tcp_sk(sk)->snd_una);

	return READ_ONCE(sk->sk_state) == TCP_CLOSE && left > (q->data_ended ? 1 : 0);
}

/* The last reply to an upload is here: can the server have what we have sent? */
static void check_arrival(struct kftp_session *s, struct kftp_request *q)
{
	if (!s->data.file || q->data_error)
		return;
	if (was_reset(s, q) || (s->data.tls && !kftp_tls_is_flushed(&s->data)))
		q->data_error = -EBADMSG;
	if (!q->goodbye || q->data_ended)
		return;
	/* it has read our close_notify before we have looked whether all is out */
	q->data_ended = true;
	if (!q->data_error)
		kernel_sock_shutdown(s->data.sock, SHUT_WR);
}

/* The last reply is here, and the data has ended or does not matter any more. */
static void conclude(struct kftp_session *s, struct kftp_request *q)
{
	int error;

	if (uploads(q))
		check_arrival(s, q);
	error = verdict(q);
	if (q->result.end.reply == 425)	/* what was remembered of methods is no longer good */
		kftp_data_forget(s);
	if (error == -EBADMSG && s->restarted)	/* some servers never reset it */
		s->restart_pending = true;
	kftp_request_done(s, error, NULL);
}

/* Other 2xx answer another command: nobody knows any more what belongs to what. */
static bool ends_transfer(unsigned int code)
{
	return code == 200 || code == 225 || code == 226 || code == 250;
}

/*
 * A 226 may overtake the data; it is kept until all of that has come. Without a 1xx before it there
 * may be nothing to send, and no data connection: that is given a moment.
 */
static int on_transfer(struct kftp_session *s, const struct kftp_reply *r)
{
	struct kftp_request *q = s->current_request;

	if (r->code / 100 == 2 && !ends_transfer(r->code))
		return -EPROTO;
	kftp_request_note_reply(&q->result.end, r);
	if (uploads(q) || q->data_ended || r->code / 100 != 2 || (!q->preliminary && is_whole(q)))
		conclude(s, q);
	else
		kftp_session_set_deadline(s, q->preliminary ? s->config->data_timeout :
					     min(s->config->data_timeout, NO_DATA_GRACE));
	return 0;
}

int kftp_transfer_begin(struct kftp_session *s, struct kftp_request *q)
{
	int r;

	r = kftp_control_command(s, on_transfer, q->op->verb, q->arg.path_len ? q->path : NULL,
				 q->arg.path_len);
	if (r)
		return r;
	if (uploads(q) && S_ISFIFO(file_inode(q->file)->i_mode)) {
		q->copies = true;
		kftp_conn_attach(s, &s->source, get_file(q->file), NULL);
	}
	s->restart_pending = false;
	s->progress_at = jiffies + s->config->progress_interval;
	kftp_session_enter(s, KFTP_STATE_TRANSFER);
	return 0;
}

static bool is_about_records(int error)
{
	return error == -EILSEQ || error == -EPROTO || error == -EKEYEXPIRED ||
	       error == -ECONNABORTED;
}

/*
 * The data has ended, well or not. Its connection is closed before the last reply is waited for:
 * some servers hold that back until then. After an upload only our half is closed: what is still on
 * its way is lost if the server finds nobody there.
 */
static void data_ended(struct kftp_session *s, struct kftp_request *q, int error)
{
	q->data_ended = true;
	q->data_error = error;
	q->broken = s->data.tls && is_about_records(error);
	if (q->broken)
		q->result.end.error = error;	/* also if the server has no more to say */
	q->result.unclean = s->data.tls && !s->data.clean_end && !error && !uploads(q) && !q->cut;
	if (uploads(q) && !error)
		kernel_sock_shutdown(s->data.sock, SHUT_WR);
	else
		kftp_data_close(s);
	if (q->result.end.reply) {
		conclude(s, q);
		return;
	}
	if (s->lost) {
		kftp_session_end(s, s->lost, NULL);
		return;
	}
	kftp_session_enter(s, KFTP_STATE_FINISHING);
	/* what was sent last is not yet read, even if TCP has acknowledged it */
	kftp_session_set_deadline(s, s->config->reply_timeout +
				     (uploads(q) ? s->config->data_timeout : 0));
}

/*
 * No TLS on the data connection. Why, the server may know better: it refuses the file, or wants a
 * session to be resumed.
 */
static void handshake_failed(struct kftp_session *s, struct kftp_request *q, int error)
{
	q->result.end.error = error;	/* in case it never says */
	data_ended(s, q, error);
	if (s->state == KFTP_STATE_FINISHING)
		kftp_session_set_deadline(s, s->config->abort_timeout);
}

/*
 * A slow link takes long to drain what the socket holds, and nothing wakes us meanwhile; and
 * whoever fills a pipe may take his time.
 */
static bool upload_is_alive(struct kftp_session *s, struct kftp_request *q)
{
	u32 acked;

	if (!uploads(q) || !s->data.file)
		return false;
	if (s->source.file && !s->held.len && !q->data_ended)
		return true;
	acked = READ_ONCE(tcp_sk(s->data.sock->sk)->snd_una);
	if (acked == q->acked)
		return false;
	q->acked = acked;
	return true;
}

/**
 * kftp_transfer_expired() - The deadline has passed
 * @s: the session, in state transfer or finishing
 *
 * Return: 0 if the transfer goes on or has ended, or an error that ends the session.
 */
int kftp_transfer_expired(struct kftp_session *s)
{
	struct kftp_request *q = s->current_request;

	if (s->data.lent) {
		handshake_failed(s, q, -ETIMEDOUT);
		return 0;
	}
	if (q->waiting && !q->preliminary && !q->unannounced) {
		q->unannounced = true;
		kftp_session_set_deadline(s, s->config->reply_timeout);
		return 0;
	}
	if (upload_is_alive(s, q)) {
		kftp_session_set_deadline(s, q->data_ended ? s->config->reply_timeout :
							     s->config->data_timeout);
		return 0;
	}
	if (!q->result.end.reply)
		return s->lost ?: -ETIMEDOUT;
	/* all is said and done, but for the end of the data */
	if (!is_whole(q) && (q->preliminary || q->result.bytes))
		return -ETIMEDOUT;
	data_ended(s, q, 0);
	return 0;
}

/**
 * kftp_transfer_outlives() - Go on without the control connection?
 * @s: the session
 * @error: how the control connection was lost
 *
 * What the server has sent by then is still read: it may be all there is.
 *
 * Return: whether it is a download whose data connection is up.
 */
bool kftp_transfer_outlives(struct kftp_session *s, int error)
{
	if (s->state != KFTP_STATE_TRANSFER || uploads(s->current_request) || !s->data.file ||
	    error == -EPROTO || error == -EMSGSIZE || error == -ENOMEM)
		return false;
	s->lost = error;
	kftp_session_set_deadline(s, s->config->data_timeout);
	return true;
}

/* The size in "150 Opening BINARY mode data connection for x (123 bytes)" will do for a SIZE. */
void kftp_transfer_announced(struct kftp_request *q, const struct kftp_reply *r)
{
	u64 size;

	if (q->arg.op != KFTP_OP_RETR || !(q->arg.flags & KFTP_SUBMIT_ASK_SIZE) ||
	    q->arg.offset || (q->result.has_size && q->result.size) || q->result.bytes ||
	    kftp_parse_announced(r->text, r->text_len, &size))
		return;
	q->result.has_size = true;
	q->result.size = size;
}

static void note_progress(struct kftp_session *s, struct kftp_call *call)
{
	if (s->config->arg.events & KFTP_WANT_PROGRESS && time_after_eq(jiffies, s->progress_at)) {
		s->progress_at = jiffies + s->config->progress_interval;
		s->event.type = KFTP_EVENT_PROGRESS;
	} else if (call->max_bytes && call->moved >= call->max_bytes) {
		s->event.type = KFTP_EVENT_YIELD;
	}
}

/* Return: 1 if it is there, -EAGAIN if not yet. */
static int data_connection(struct kftp_session *s, struct kftp_request *q)
{
	int r;

	if (s->data.file)
		return 1;
	r = kftp_data_accept(s, q);
	if (r == -EAGAIN || r == 1)
		return r;
	kftp_request_abort(s, r, false);
	return -EAGAIN;
}

/*
 * RFC 4217 section 7: once the command is out the server shakes hands, before its 1xx or after it.
 * Return: 1 if the data connection is protected, -EAGAIN if not yet, 0 if something else happened.
 */
static int protect(struct kftp_session *s, struct kftp_request *q)
{
	int r;

	if (s->data.tls)
		return 1;
	if (!s->data.lent) {
		if (s->tx)
			return -EAGAIN;
		kftp_tls_lend(s, &s->data, KFTP_ROLE_DATA);
		return 0;
	}
	r = kftp_tls_take(s, &s->data);
	if (!r)
		return -EAGAIN;
	if (r < 0) {
		handshake_failed(s, q, r);
		return 0;
	}
	q->result.encrypted = true;
	kftp_session_set_deadline(s, q->preliminary ? s->config->data_timeout :
						      s->config->reply_timeout);
	return 1;
}

/*
 * Has the server agreed? What a pipe gives is gone if it refuses, and nobody could tell how much of
 * the file is there. Those that never send a 1xx get a moment to refuse.
 */
static bool is_agreed(struct kftp_session *s, struct kftp_request *q)
{
	if (q->preliminary || q->unannounced)
		return true;
	if (!q->waiting && !s->tx) {
		q->waiting = true;
		kftp_session_set_deadline(s, min(s->config->reply_timeout, NO_1XX_GRACE));
	}
	return false;
}

/* The file is sent; the FIN, which comes next, must not overtake anything. */
static int say_goodbye(struct kftp_session *s, struct kftp_request *q)
{
	int r = q->goodbye ? 0 : kftp_tls_close_notify(&s->data);

	if (r)
		return r;
	q->goodbye = true;
	if (kftp_tls_is_flushed(&s->data))
		return 0;
	if (kftp_conn_is_broken(&s->data))
		return kftp_conn_error(&s->data);
	s->look_again = true;
	return -EAGAIN;
}

/* The server may have said why it takes no more. Return: that, or the error. */
static int last_word(struct kftp_session *s, int error)
{
	u8 text[64];
	int r = kftp_conn_receive(&s->data, text, sizeof(text));

	return r == -ECONNABORTED ? r : error;
}

static int move_out(struct kftp_session *s, struct kftp_request *q, struct kftp_call *call)
{
	int r = q->goodbye ? 0 : kftp_move_out(s, q, call);

	if (!s->data.tls || s->state != KFTP_STATE_TRANSFER)
		return r;
	if (!r)
		r = say_goodbye(s, q);
	return r < 0 && r != -EAGAIN && r != -EINTR ? last_word(s, r) : r;
}

static int move(struct kftp_session *s, struct kftp_request *q, struct kftp_call *call)
{
	if (uploads(q))
		return is_agreed(s, q) ? move_out(s, q, call) : -EAGAIN;
	if (!q->arg.length || q->op->flags & KFTP_LISTS || q->result.bytes < q->arg.length)
		return kftp_move_in(s, q, call);
	q->cut = true;
	return 0;
}

/**
 * kftp_transfer_step() - Move data
 * @s: the session, in state transfer
 * @call: the RUN this is done for
 *
 * Return: 1 if something moved, -EAGAIN if nothing can, -EINTR if a signal cut it short, or an
 * error that ends the session.
 */
int kftp_transfer_step(struct kftp_session *s, struct kftp_call *call)
{
	struct kftp_request *q = s->current_request;
	int r, chunks;

	r = data_connection(s, q);
	if (r == 1 && s->data_private)
		r = protect(s, q);
	if (r <= 0)
		return r && s->state == KFTP_STATE_TRANSFER ? r : 1;
	for (chunks = 0; chunks < CHUNKS_A_STEP; chunks++) {
		r = move(s, q, call);
		if (r <= 0 || s->state != KFTP_STATE_TRANSFER)
			break;
		kftp_session_set_deadline(s, s->config->data_timeout);
		note_progress(s, call);
		if (s->event.type)
			break;
	}
	if (s->state != KFTP_STATE_TRANSFER || r > 0)	/* given up, or there is more */
		return 1;
	if (r == -EINTR || (r == -EAGAIN && !chunks))
		return r;
	if (r != -EAGAIN)
		data_ended(s, q, r);
	return 1;
}
