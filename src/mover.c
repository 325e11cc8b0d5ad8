// SPDX-License-Identifier: GPL-2.0-only
/*
 * Moving bytes between the data connection and the local file.
 *
 * Bytes are received into one compound page that belongs to the RUN call, and written from there
 * with kernel_write(), in the caller's context: his limits, quotas and memory group apply. Only
 * when writing is cut short by a signal does the session keep the page until all is written.
 *
 * An upload is spliced: the page cache's own pages go to the socket. What cannot be spliced, a pipe
 * or a file system without the call, is read into a page that the session keeps until it is sent.
 */
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/sched/signal.h>
#include <linux/splice.h>
#include <linux/tcp.h>
#include <net/sock.h>

#include "kftp.h"

#define CHUNK		(64 * 1024)
#define CHUNK_ORDER	get_order(CHUNK)

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
	bool out = q->op->flags & KFTP_UPLOADS;

	q->result.bytes += n;
	kftp_session_count(s, out ? &s->info.bytes_out : &s->info.bytes_in, n);
}

/*
 * Was it a signal, not the file? Then -EINTR: the rest is done in the next RUN. Without a signal
 * a file system has no business saying so, and nobody else may get to see it.
 */
static int file_error(ssize_t n)
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

/* Write to the request's file. Return: 0, or an error of the file; result.bytes tells how far. */
int kftp_write(struct kftp_session *s, struct kftp_request *q, const char *data, size_t len)
{
	/* looked at before each write: fcntl() can set it at any time */
	if (q->file->f_flags & O_APPEND)
		return -EINVAL;
	while (len) {
		loff_t pos = q->arg.offset + q->result.bytes;
		ssize_t n = kernel_write(q->file, data, len, &pos);

		if (n <= 0)
			return file_error(n);
		data += n;
		len -= n;
		count_bytes(s, q, n);
	}
	return 0;
}

/* Write what the buffer holds. Return: 0 when it is empty, or an error of the file. */
static int write_out(struct kftp_session *s, struct kftp_request *q, struct kftp_buffer *b)
{
	u64 before = q->result.bytes;
	int r = kftp_write(s, q, page_address(b->page) + b->start, b->len);

	b->start += q->result.bytes - before;
	b->len -= q->result.bytes - before;
	return r;
}

/* Return: 1 if all went well, -EINTR, or 0 after giving the request up. */
static int write_chunk(struct kftp_session *s, struct kftp_request *q, struct kftp_buffer *b)
{
	int r = write_out(s, q, b);

	if (!q->result.size)	/* some say 0 for any file */
		q->result.has_size = false;
	/* a server that never stops does not fill the disk, or the memory */
	if (!r && q->result.has_size && q->arg.offset + q->result.bytes > q->result.size) {
		kftp_request_abort(s, -EBADMSG, false);
		return 0;
	}
	if (!r && q->op->flags & KFTP_LISTS && q->arg.length && q->result.bytes > q->arg.length) {
		kftp_request_abort(s, -EMSGSIZE, false);
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

/* How much of size may be moved now, for this call, if it matters, and this request. */
static size_t room(const struct kftp_request *q, const struct kftp_call *call, size_t size)
{
	u64 n = size;

	if (call && call->max_bytes)
		n = min(n, call->max_bytes - call->moved);
	if (q->arg.length && !(q->op->flags & KFTP_LISTS))
		n = min(n, q->arg.length - q->result.bytes);
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
	r = kftp_conn_receive_page(&s->data, b->page,
				   room(q, call, PAGE_SIZE << b->order));
	if (r <= 0)
		return r;
	b->start = 0;
	b->len = r;
	call->moved += r;
	return write_chunk(s, q, b);
}

/* The file, or with a signal pending nobody, has failed. Return: -EINTR, or 0 after giving up. */
static int source_failed(struct kftp_session *s, ssize_t n)
{
	int r = file_error(n);

	if (r == -EINTR)
		return r;
	kftp_request_abort(s, r, true);
	return 0;
}

/* Nothing has come from the pipe: is it over, or has nobody written yet? */
static int source_is_dry(struct kftp_request *q)
{
	return vfs_poll(q->file, NULL) & EPOLLHUP ? 0 : -EAGAIN;
}

/*
 * Read a chunk, unless there is one left. What the call may move does not matter here: of a pipe's
 * packet, what is not read at once is lost. Return: 1, -EAGAIN, 0 at the end or after giving up.
 */
static int fill_held(struct kftp_session *s, struct kftp_request *q)
{
	struct kftp_buffer *b = &s->held;
	loff_t pos = q->arg.offset + q->result.bytes;
	ssize_t n;

	if (b->len)
		return 1;
	if (s->source.file && !(q->file->f_flags & O_NONBLOCK))	/* by fcntl(), meanwhile */
		return source_failed(s, -EINVAL);
	n = buffer_alloc(b);
	if (n)
		return n;
	n = kernel_read(q->file, page_address(b->page),
			room(q, NULL, PAGE_SIZE << b->order), &pos);
	if (n < 0 && !(n == -EAGAIN && s->source.file))
		return source_failed(s, n);
	if (n <= 0)
		return n || !s->source.file ? n : source_is_dry(q);
	b->start = 0;
	b->len = n;
	return 1;
}

static int copy_chunk(struct kftp_session *s, struct kftp_request *q, size_t len)
{
	struct kftp_buffer *b = &s->held;
	int r;

	r = fill_held(s, q);
	if (r <= 0)
		return r;
	r = kftp_conn_send(&s->data, page_address(b->page) + b->start, min_t(size_t, b->len, len),
			   0);
	if (r > 0) {
		b->start += r;
		b->len -= r;
	}
	return r;
}

static int splice_chunk(struct kftp_session *s, struct kftp_request *q, size_t len)
{
	loff_t pos = q->arg.offset + q->result.bytes, out = 0;
	ssize_t n;

	n = do_splice_direct(q->file, &pos, s->data.file, &out, len, 0);
	if (n >= 0)
		return n;
	if (kftp_conn_is_broken(&s->data))
		return kftp_conn_error(&s->data);
	if (n != -EINVAL && n != -EAGAIN)
		return source_failed(s, n);
	q->copies |= n == -EINVAL;	/* the file system cannot do it, or not now */
	return copy_chunk(s, q, len);
}

/**
 * kftp_move_out() - Read or splice one chunk and send it
 * @s: the session
 * @q: the running request, with a data connection
 * @call: the RUN this is done for, with less moved than max_bytes
 *
 * A failure of the file gives the request up and returns 0; the state tells.
 *
 * Return: 1 if bytes were moved, 0 at the end of the file or of what is wanted of it, -EAGAIN,
 * -EINTR, or an error of the data connection.
 */
int kftp_move_out(struct kftp_session *s, struct kftp_request *q, struct kftp_call *call)
{
	size_t len = room(q, call, CHUNK);
	int r;

	if (!len)
		return 0;
	/* splicing has no MSG_NOSIGNAL: the caller blocks SIGPIPE for what this does not catch */
	if (kftp_conn_is_broken(&s->data))
		return kftp_conn_error(&s->data);
	r = kftp_conn_space(&s->data);
	if (!r || (s->data.tls && kftp_tls_is_busy(&s->data)))
		return -EAGAIN;
	/* a socket that was adopted may be made to block by whoever else has it */
	if (q->copies || s->held.len || !(s->data.file->f_flags & O_NONBLOCK))
		r = copy_chunk(s, q, len);
	else
		r = splice_chunk(s, q, min_t(size_t, len, r));
	if (r <= 0)
		return r;
	count_bytes(s, q, r);
	call->moved += r;
	q->acked = READ_ONCE(tcp_sk(s->data.sock->sk)->snd_una);
	return 1;
}
