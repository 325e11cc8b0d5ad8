// SPDX-License-Identifier: GPL-2.0-only
/*
 * Requests, each as the list of its steps, from the first command to the last reply.
 */
#include <linux/ctype.h>

#include "kftp.h"

/* How long data may lag behind a 2xx that no 1xx has announced. */
#define NO_DATA_GRACE	(2UL * HZ)

/* One step may move this many chunks before signals and the control connection get a look. */
#define CHUNKS_A_STEP	16

/* ---- steps that ask and compare ------------------------------------------------------------ */

/* A request whose whole result is one reply. */
static int on_result(struct kftp_session *s, const struct kftp_reply *r)
{
	kftp_request_done(s, r->code / 100 == 2 ? 0 : -EREMOTEIO, r);
	return 0;
}

static int noop(struct kftp_session *s, struct kftp_request *q)
{
	return kftp_control_command(s, on_result, "NOOP", NULL, 0);
}

/*
 * SIZE or MDTM has been answered. Before RETR a refusal is no failure: RETR's own reply says
 * better what is wrong. An answer that tells nothing is -EPROTO if nothing else was asked for.
 */
static int answered(struct kftp_session *s, const struct kftp_reply *r, bool known)
{
	if (s->current_request->op->needs_file)
		return kftp_request_advance(s);
	if (r->code / 100 == 2 && !known) {
		kftp_request_done(s, -EPROTO, r);
		return 0;
	}
	return on_result(s, r);
}

static int on_size(struct kftp_session *s, const struct kftp_reply *r)
{
	struct kftp_result *result = &s->current_request->result;

	result->has_size = r->code == 213 &&
			   !kftp_parse_size(r->text, r->text_len, &result->size);
	return answered(s, r, result->has_size);
}

static int ask_size(struct kftp_session *s, struct kftp_request *q)
{
	if (q->op->needs_file && !(q->flags & (KFTP_SUBMIT_ASK_SIZE | KFTP_SUBMIT_EXPECT_SIZE)))
		return 1;
	return kftp_control_command(s, on_size, "SIZE", q->path, q->path_len);
}

static int on_mtime(struct kftp_session *s, const struct kftp_reply *r)
{
	struct kftp_result *result = &s->current_request->result;

	result->has_mtime = r->code == 213 &&
			    !kftp_parse_mtime(r->text, r->text_len, &result->mtime);
	return answered(s, r, result->has_mtime);
}

/* "MDTM 20240101000000 name" does not ask some servers for a time, it makes them set it. */
static bool would_set_mtime(const struct kftp_request *q)
{
	u32 i;

	for (i = 0; i < q->path_len && isdigit(q->path[i]); i++)
		;
	return i && i < q->path_len && q->path[i] == ' ';
}

static int ask_mtime(struct kftp_session *s, struct kftp_request *q)
{
	if (q->op->needs_file && !(q->flags & (KFTP_SUBMIT_ASK_MTIME | KFTP_SUBMIT_EXPECT_MTIME)))
		return 1;
	if (!would_set_mtime(q))
		return kftp_control_command(s, on_mtime, "MDTM", q->path, q->path_len);
	if (q->op->needs_file)
		return 1;	/* unknown, then */
	kftp_request_done(s, -EINVAL, NULL);
	return 0;
}

/* Is it the file that the caller has a part of? What is not known is not the same. */
static int check_expected(struct kftp_session *s, struct kftp_request *q)
{
	const struct kftp_result *result = &q->result;
	bool same = true;

	if (q->flags & KFTP_SUBMIT_EXPECT_SIZE)
		same &= result->has_size && result->size == q->expect_size;
	if (q->flags & KFTP_SUBMIT_EXPECT_MTIME)
		same &= result->has_mtime && result->mtime == q->expect_mtime;
	if (same)
		return 1;
	kftp_request_done(s, -ESTALE, NULL);
	return 0;
}

/* ---- RETR ---------------------------------------------------------------------------------- */

static int on_restart(struct kftp_session *s, const struct kftp_reply *r)
{
	if (r->code / 100 <= 3)
		return kftp_request_advance(s);
	s->restart_pending = false;
	kftp_request_done(s, -ESPIPE, r);
	return 0;
}

/* RFC 3659 section 5: directly before the transfer command. */
static int restart(struct kftp_session *s, struct kftp_request *q)
{
	char arg[24];
	int n;

	/* one that was not used up, because its request was cancelled, is still in force */
	if (!q->offset && !s->restart_pending)
		return 1;
	s->restart_pending = true;
	n = scnprintf(arg, sizeof(arg), "%llu", q->offset);
	return kftp_control_command(s, on_restart, "REST", arg, n);
}

/* Are all the bytes there, as far as one can know? */
static bool is_whole(const struct kftp_request *q)
{
	return q->result.has_size && q->offset + q->result.bytes == q->result.size;
}

/**
 * kftp_transfer_survives() - Is the running request good without its last reply?
 * @q: the request
 *
 * The control connection of a long transfer idles, and firewalls drop idle connections.
 *
 * Return: whether the data has ended by itself with as many bytes as SIZE has promised.
 */
bool kftp_transfer_survives(const struct kftp_request *q)
{
	return q->data_ended && !q->data_error && is_whole(q);
}

/* The data has ended and the last reply is here. */
static void conclude(struct kftp_session *s, struct kftp_request *q)
{
	int error = 0;

	if (q->result.reply / 100 != 2)
		error = -EREMOTEIO;
	else if (!is_whole(q))
		error = q->data_error ?: q->result.has_size ? -EBADMSG : 0;
	if (q->result.reply == 425)	/* what was remembered of methods is no longer good */
		s->refused = 0;
	kftp_request_done(s, error, NULL);
}

/*
 * A 226 may overtake the data; it is kept until all of that has come. Without a 1xx before it there
 * may be nothing to send, and no data connection: that is given a moment.
 */
static int on_retrieve(struct kftp_session *s, const struct kftp_reply *r)
{
	struct kftp_request *q = s->current_request;

	kftp_request_note_reply(q, r);
	if (q->data_ended || r->code / 100 != 2 || (!q->preliminary && is_whole(q)))
		conclude(s, q);
	else
		kftp_session_set_deadline(s, q->preliminary ? s->config->data_timeout :
					     min(s->config->data_timeout, NO_DATA_GRACE));
	return 0;
}

static int retrieve(struct kftp_session *s, struct kftp_request *q)
{
	int r;

	r = kftp_control_command(s, on_retrieve, "RETR", q->path, q->path_len);
	if (r)
		return r;
	s->restart_pending = false;
	s->progress_at = jiffies + s->config->progress_interval;
	kftp_session_enter(s, KFTP_STATE_TRANSFER);
	return 0;
}

/*
 * The data has ended, well or not. Its connection is closed before the last reply is waited for:
 * some servers hold that back until then.
 */
static void data_ended(struct kftp_session *s, struct kftp_request *q, int error)
{
	q->data_ended = true;
	q->data_error = error;
	kftp_data_close(s);
	if (q->result.reply) {
		conclude(s, q);
		return;
	}
	kftp_session_enter(s, KFTP_STATE_FINISHING);
	kftp_session_set_deadline(s, s->config->reply_timeout);
}

/**
 * kftp_transfer_expired() - The deadline for data has passed
 * @s: the session, in state transfer
 *
 * Return: 0 if the transfer has ended for that reason, or an error that ends the session.
 */
int kftp_transfer_expired(struct kftp_session *s)
{
	struct kftp_request *q = s->current_request;

	if (!q->result.reply)
		return -ETIMEDOUT;
	/* all is said and done, but for the end of the data */
	if (!is_whole(q) && (q->preliminary || q->result.bytes))
		return -ETIMEDOUT;
	data_ended(s, q, 0);
	return 0;
}

static void note_progress(struct kftp_session *s, struct kftp_call *call)
{
	if (s->config->events & KFTP_WANT_PROGRESS && time_after_eq(jiffies, s->progress_at)) {
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

/**
 * kftp_transfer_step() - Move data
 * @s: the session, in state transfer
 * @call: the RUN this is done for
 *
 * Return: 1 if something moved, -EAGAIN if nothing can, -EINTR if a signal cut writing short, or
 * an error that ends the session.
 */
int kftp_transfer_step(struct kftp_session *s, struct kftp_call *call)
{
	struct kftp_request *q = s->current_request;
	int r, chunks;

	r = data_connection(s, q);
	if (r < 0)
		return s->state == KFTP_STATE_TRANSFER ? r : 1;
	for (chunks = 0; chunks < CHUNKS_A_STEP; chunks++) {
		r = kftp_move_in(s, q, call);
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

/* ---- QUIT ---------------------------------------------------------------------------------- */

static int on_quit(struct kftp_session *s, const struct kftp_reply *r)
{
	kftp_request_done(s, 0, r);
	kftp_session_end(s, 0, r);
	return 0;
}

static int quit(struct kftp_session *s, struct kftp_request *q)
{
	kftp_session_enter(s, KFTP_STATE_QUITTING);
	return kftp_control_command(s, on_quit, "QUIT", NULL, 0);
}

/* ---- the table ----------------------------------------------------------------------------- */

static const kftp_step_fn noop_steps[] = { noop };
static const kftp_step_fn size_steps[] = { ask_size };
static const kftp_step_fn mdtm_steps[] = { ask_mtime };
static const kftp_step_fn quit_steps[] = { quit };
static const kftp_step_fn retr_steps[] = {
	ask_size,
	ask_mtime,
	check_expected,
	kftp_data_open,
	restart,
	retrieve,
};

const struct kftp_operation kftp_operations[KFTP_OP_QUIT + 1] = {
	[KFTP_OP_NOOP] = { .steps = noop_steps },
	[KFTP_OP_RETR] = { .steps = retr_steps, .needs_path = true, .needs_file = true },
	[KFTP_OP_SIZE] = { .steps = size_steps, .needs_path = true },
	[KFTP_OP_MDTM] = { .steps = mdtm_steps, .needs_path = true },
	[KFTP_OP_QUIT] = { .steps = quit_steps },
};
