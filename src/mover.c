// SPDX-License-Identifier: GPL-2.0-only
/*
 * Moving bytes between the data connection and the local file.
 *
 * Bytes are received into one compound page that belongs to the RUN call, and written from there
 * with kernel_write(), in the caller's context: his limits, quotas and memory group apply. Only
 * when writing is cut short by a signal does the session keep the page until all is written.
 */
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/sched/signal.h>

#include "kftp.h"

#define CHUNK_ORDER	get_order(64 * 1024)

void kftp_buffer_free(struct kftp_buffer *b)
{
	if (b->page)
		__free_pages(b->page, b->order);
	memset(b, 0, sizeof(*b));
}

/* As large as can be had without effort; one page is enough to go on. */
static int buffer_alloc(struct kftp_buffer *b)
{
	const gfp_t gfp = GFP_KERNEL_ACCOUNT | __GFP_COMP;

	if (b->page)
		return 0;
	b->order = CHUNK_ORDER;
	b->page = alloc_pages(gfp | __GFP_NOWARN | __GFP_NORETRY, b->order);
	if (!b->page) {
		b->order = 0;
		b->page = alloc_pages(gfp, 0);
	}
	return b->page ? 0 : -ENOMEM;
}

static void count_bytes(struct kftp_session *s, struct kftp_request *q, size_t n)
{
	q->result.bytes += n;
	kftp_session_count(s, &s->info.bytes_in, n);
}

/*
 * Was it a signal, not the file? Then -EINTR: the rest is written in the next RUN. Without a signal
 * a file system has no business saying so, and nobody else may get to see it.
 */
static int write_error(ssize_t n)
{
	switch (n) {
	case -EINTR:
	case -ERESTARTSYS:
	case -ERESTARTNOINTR:
	case -ERESTARTNOHAND:
		return signal_pending(current) ? -EINTR : -EIO;
	}
	return n ?: -EIO;
}

/* Write what the buffer holds. Return: 0 when it is empty, or an error of the file. */
static int write_out(struct kftp_session *s, struct kftp_request *q, struct kftp_buffer *b)
{
	/* looked at before each write: fcntl() can set it at any time */
	if (q->file->f_flags & O_APPEND)
		return -EINVAL;
	while (b->len) {
		loff_t pos = q->offset + q->result.bytes;
		ssize_t n = kernel_write(q->file, page_address(b->page) + b->start, b->len, &pos);

		if (n <= 0)
			return write_error(n);
		b->start += n;
		b->len -= n;
		count_bytes(s, q, n);
	}
	b->start = 0;
	return 0;
}

/* Return: 1 if all went well, -EINTR, or 0 after giving the request up. */
static int write_chunk(struct kftp_session *s, struct kftp_request *q, struct kftp_buffer *b)
{
	int r = write_out(s, q, b);

	/* a server that never stops does not fill the disk */
	if (!r && q->result.has_size && q->offset + q->result.bytes > q->result.size) {
		kftp_request_abort(s, -EBADMSG, false);
		return 0;
	}
	if (!r)
		return 1;
	if (r == -EINTR) {
		if (b != &s->held) {
			s->held = *b;
			memset(b, 0, sizeof(*b));
		}
		return r;
	}
	kftp_request_abort(s, r, true);
	return 0;
}

static size_t room(const struct kftp_buffer *b, const struct kftp_call *call)
{
	size_t n = PAGE_SIZE << b->order;

	if (call->max_bytes)
		n = min_t(u64, n, call->max_bytes - call->moved);
	return n;
}

/**
 * kftp_move_in() - Receive one chunk and write it
 * @s: the session
 * @q: the running request, with a data connection
 * @call: the RUN this is done for, with less moved than max_bytes
 *
 * A failure of the file, or too many bytes, gives the request up and returns 0; the state tells.
 *
 * Return: 1 if bytes were moved, 0 at the end of the data, -EAGAIN, -EINTR, or an error of the
 * data connection.
 */
int kftp_move_in(struct kftp_session *s, struct kftp_request *q, struct kftp_call *call)
{
	struct kftp_buffer *b = &call->buffer;
	int r;

	if (s->held.len) {
		r = write_chunk(s, q, &s->held);
		if (r == 1)
			kftp_buffer_free(&s->held);
		return r;
	}
	r = buffer_alloc(b);
	if (r)
		return r;
	r = kftp_conn_receive_page(&s->data, b->page, room(b, call));
	if (r <= 0)
		return r;
	b->start = 0;
	b->len = r;
	call->moved += r;
	return write_chunk(s, q, b);
}
