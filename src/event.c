// SPDX-License-Identifier: GPL-2.0-only
/*
 * What RUN tells the caller.
 *
 * At most one event waits beside the DONEs, and no step is taken while it does, so its text may
 * lie where it came from. DONEs wait in the requests themselves: there is always room for them.
 * An event is removed only after it was copied out.
 */
#include <linux/file.h>

#include "kftp.h"

/* The request to be reported next. Only RUN takes any out, so it stays. */
static struct kftp_request *first_done(struct kftp_session *s)
{
	struct kftp_request *q;

	spin_lock(&s->lock);
	q = list_first_entry_or_null(&s->done, struct kftp_request, link);
	spin_unlock(&s->lock);
	return q;
}

bool kftp_event_pending(struct kftp_session *s)
{
	return s->event.type || first_done(s) || s->state == KFTP_STATE_CLOSED;
}

/* One line of the dialogue, if CONNECT asked for it. text stays where it is until the next step. */
void kftp_event_line(struct kftp_session *s, bool sent, bool more, const char *text, size_t len)
{
	if (!(s->config->arg.events & KFTP_WANT_LINE) || WARN_ON_ONCE(s->event.type))
		return;
	s->event.type = KFTP_EVENT_LINE;
	s->event.flags = (sent ? KFTP_EVENT_SENT : 0) | (more ? KFTP_EVENT_MORE : 0);
	s->event.text = text;
	s->event.text_len = len;
}

/* What a request's DONE has in common with the events that it causes on its way. */
static void fill_result(struct kftp_run *out, const struct kftp_request *q)
{
	const struct kftp_result *result = &q->result;

	out->event_flags |= (result->has_size ? KFTP_EVENT_HAS_SIZE : 0) |
			    (result->has_mtime ? KFTP_EVENT_HAS_MTIME : 0) |
			    (result->active ? KFTP_EVENT_ACTIVE : 0) |
			    (result->encrypted ? KFTP_EVENT_ENCRYPTED : 0) |
			    (result->unclean ? KFTP_EVENT_UNCLEAN : 0);
	out->user_data = q->arg.user_data;
	out->bytes = result->bytes;
	out->local = result->local;
	out->peer = result->peer;
	out->remote_size = result->size;
	out->remote_mtime = result->mtime;
}

static void fill_event(struct kftp_session *s, struct kftp_run *out)
{
	const struct kftp_request *q = s->current_request;

	out->type = s->event.type;
	out->event_flags = s->event.flags;
	out->reply = s->event.reply;
	out->channel = s->event.channel;
	if (q) {
		fill_result(out, q);
		out->nsec = ktime_to_ns(ktime_sub(ktime_get(), q->begun));
	}
	if (s->event.type == KFTP_EVENT_CONNECTED) {
		out->local = s->info.local;
		out->peer = s->info.peer;
	}
}

/* Fill in the event that is next. Return: where its text lies. */
static const char *choose(struct kftp_session *s, struct kftp_run *out, struct kftp_request *done)
{
	const struct kftp_end *end = done ? &done->result.end : &s->end;

	if (s->event.type) {
		fill_event(s, out);
		out->text_len = s->event.text_len;
		return s->event.text;
	}
	out->type = done ? KFTP_EVENT_DONE : KFTP_EVENT_CLOSED;
	if (done) {
		fill_result(out, done);
		out->local_file = done->result.local_file;
		out->nsec = done->result.nsec;
	}
	out->error = end->error;
	out->reply = end->reply;
	out->alert = end->alert;
	out->text_len = end->text_len;
	return end->text;
}

static int copy_out(const struct kftp_run *out, const char *text, struct kftp_run __user *arg)
{
	if (out->text_cap && out->text_len &&
	    copy_to_user(u64_to_user_ptr(out->text), text, min(out->text_cap, out->text_len)))
		return -EFAULT;
	return copy_to_user(arg, out, out->size) ? -EFAULT : 0;
}

/* With a new descriptor of the socket, which is the caller's once he has been told its number. */
static int lend(struct kftp_session *s, struct kftp_run *out, struct kftp_run __user *arg)
{
	enum kftp_role role = s->event.channel;
	int r;

	if (out->size < offsetofend(struct kftp_run, fd))
		return -EINVAL;
	r = get_unused_fd_flags(O_CLOEXEC);
	if (r < 0)
		return r;
	out->fd = r;
	r = copy_out(out, NULL, arg);
	if (r) {
		put_unused_fd(out->fd);
		return r;
	}
	kftp_tls_lent(s, role);
	fd_install(out->fd, get_file(role == KFTP_ROLE_DATA ? s->data.file : s->control.file));
	return 0;
}

static void remove_event(struct kftp_session *s, struct kftp_request *done)
{
	if (s->event.type) {
		memset(&s->event, 0, sizeof(s->event));
	} else if (done) {
		spin_lock(&s->lock);
		list_del(&done->link);
		s->requests--;
		spin_unlock(&s->lock);
		kftp_request_free(done);
	} else {
		set_bit(KFTP_HUNG_UP, &s->bits);
	}
}

/**
 * kftp_event_deliver() - Copy the pending event out, and remove it
 * @s: the session, with an event pending
 * @out: as it came in, the other members zero
 * @size: of the caller's structure
 * @arg: the caller's structure
 *
 * Return: 0, or -EFAULT or, with a descriptor, -EMFILE: then the event is still pending.
 */
int kftp_event_deliver(struct kftp_session *s, struct kftp_run *out, u32 size,
		       struct kftp_run __user *arg)
{
	struct kftp_request *done = first_done(s);
	const char *text = choose(s, out, done);

	int r;

	out->fd = -1;
	out->size = min_t(u32, size, sizeof(*out));
	r = out->type == KFTP_EVENT_TLS ? lend(s, out, arg) : copy_out(out, text, arg);
	if (!r)
		remove_event(s, done);
	return r;
}
