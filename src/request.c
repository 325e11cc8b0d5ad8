// SPDX-License-Identifier: GPL-2.0-only
/*
 * The queue, and the life of a request: submitted, begun, advanced step by step, done or aborted,
 * reported, freed.
 *
 * SUBMIT and CANCEL come from any thread and touch nothing but what the session's lock guards;
 * all else is RUN's.
 */
#include <linux/file.h>
#include <linux/nospec.h>
#include <linux/slab.h>

#include "kftp.h"
#include "trace.h"

#define SUBMIT_FLAGS	(KFTP_SUBMIT_ASK_SIZE | KFTP_SUBMIT_ASK_MTIME | \
			 KFTP_SUBMIT_EXPECT_SIZE | KFTP_SUBMIT_EXPECT_MTIME)

void kftp_request_free(struct kftp_request *q)
{
	if (q->file)
		fput(q->file);
	kfree(q);
}

static const struct kftp_operation *operation(const struct kftp_submit *arg)
{
	return &kftp_operations[array_index_nospec(arg->op, ARRAY_SIZE(kftp_operations))];
}

static int check_submit(const struct kftp_session *s, const struct kftp_submit *arg)
{
	unsigned int may;

	if (arg->flags & ~SUBMIT_FLAGS || memchr_inv(arg->reserved, 0, sizeof(arg->reserved)))
		return -EINVAL;
	if (arg->op > KFTP_OP_QUIT || arg->digest > KFTP_DIGEST_CRC32 ||
	    arg->cache > KFTP_CACHE_DIRECT || arg->offset > LLONG_MAX ||
	    arg->length > LLONG_MAX || arg->mode > 07777 || arg->path_len > KFTP_MAX_PATH ||
	    arg->path2_len > KFTP_MAX_PATH)
		return -EINVAL;
	may = operation(arg)->flags;
	if (arg->cache || (arg->digest && !(may & KFTP_NEEDS_DIGEST)))
		return -EOPNOTSUPP;
	/* what this operation has no use for, it may have one day */
	if ((!(may & KFTP_RESTARTS) && (arg->flags || arg->offset)) ||
	    (!(may & KFTP_MAY_LENGTH) && arg->length) ||
	    (!(may & KFTP_MAY_MTIME) && arg->mtime) || (!(may & KFTP_MAY_MODE) && arg->mode))
		return -EINVAL;
	if (may & KFTP_NEEDS_PATH ? !arg->path_len : arg->path_len && !(may & KFTP_MAY_PATH))
		return -EINVAL;
	if (may & KFTP_NEEDS_PATH2 ? !arg->path2_len : arg->path2 || arg->path2_len)
		return -EINVAL;
	if (may & KFTP_NEEDS_DIGEST && !arg->digest)
		return -EINVAL;
	if (arg->op == KFTP_OP_RAW && !(s->config->arg.flags & KFTP_CONNECT_RAW))
		return -EPERM;
	return 0;
}

static int copy_paths(struct kftp_request *q, const struct kftp_submit *arg)
{
	char *path2 = q->path + arg->path_len;

	if (copy_from_user(q->path, u64_to_user_ptr(arg->path), arg->path_len) ||
	    copy_from_user(path2, u64_to_user_ptr(arg->path2), arg->path2_len))
		return -EFAULT;
	if (!kftp_text_is_clean(q->path, arg->path_len + arg->path2_len))
		return -EINVAL;
	if (arg->op == KFTP_OP_RAW && !kftp_raw_is_allowed(q->path, arg->path_len))
		return -EINVAL;
	return 0;
}

static struct kftp_request *new_request(const struct kftp_submit *arg)
{
	struct kftp_request *q;
	int r;

	q = kzalloc(struct_size(q, path, arg->path_len + arg->path2_len), GFP_KERNEL_ACCOUNT);
	if (!q)
		return ERR_PTR(-ENOMEM);
	q->op = operation(arg);
	q->step = q->op->steps;
	q->arg = *arg;
	r = copy_paths(q, arg);
	if (!r)
		return q;
	kfree(q);
	return ERR_PTR(r);
}

/*
 * Regular files only, and of a file system that can be read and written from the kernel: procfs and
 * its kin look regular too. O_APPEND would ignore the offset, O_DIRECT would want other buffers.
 * Only an upload can come from a pipe: what is received from the network cannot be put back.
 */
static int check_file(const struct file *file, bool upload)
{
	const struct file_operations *op = file->f_op;
	umode_t mode = file_inode(file)->i_mode;

	if (!(file->f_mode & (upload ? FMODE_READ : FMODE_WRITE)))
		return -EBADF;
	if (S_ISFIFO(mode))
		return !upload ? -EOPNOTSUPP : file->f_flags & O_NONBLOCK ? 0 : -EINVAL;
	/* an eventfd and its kin may call themselves regular, too */
	if (!S_ISREG(mode) || file->f_flags & O_DIRECT ||
	    !(file->f_mode & (upload ? FMODE_PREAD : FMODE_PWRITE)))
		return -EINVAL;
	if (upload)
		return op->read_iter && !op->read ? 0 : -EINVAL;
	return op->write_iter && !op->write && !(file->f_flags & O_APPEND) ? 0 : -EINVAL;
}

static int take_file(struct kftp_request *q, int fd)
{
	struct file *file;
	int r;

	if (!(q->op->flags & KFTP_NEEDS_FILE))
		return fd == -1 ? 0 : -EINVAL;
	file = fget(fd);
	if (!file)
		return -EBADF;
	r = check_file(file, q->op->flags & KFTP_UPLOADS);
	if (r)
		fput(file);
	else
		q->file = file;
	return r;
}

static int enqueue(struct kftp_session *s, struct kftp_request *q)
{
	int r = 0;

	spin_lock(&s->lock);
	if (s->info.state == KFTP_STATE_CLOSED || s->cancel_session) {
		r = -ENOTCONN;
	} else if (s->requests >= KFTP_MAX_QUEUE) {
		r = -EAGAIN;
	} else {
		list_add_tail(&q->link, &s->queue);
		s->requests++;
	}
	spin_unlock(&s->lock);
	return r;
}

/* KFTP_SUBMIT */
int kftp_request_submit(struct kftp_session *s, const struct kftp_submit *arg)
{
	struct kftp_request *q;
	int r;

	r = check_submit(s, arg);
	if (r)
		return r;
	q = new_request(arg);
	if (IS_ERR(q))
		return PTR_ERR(q);
	r = take_file(q, arg->fd);
	if (!r)
		r = enqueue(s, q);
	if (r) {
		kftp_request_free(q);
		return r;
	}
	kftp_session_kick(s);
	return 0;
}

struct cancelled {
	unsigned int now;
	unsigned int already;
};

static void cancel_requests(struct kftp_session *s, const struct kftp_cancel *arg,
			    struct cancelled *n)
{
	struct kftp_request *q, *next;

	lockdep_assert_held(&s->lock);
	q = s->current_request;
	if (q && (arg->what == KFTP_CANCEL_ALL || q->arg.user_data == arg->user_data)) {
		if (q->ending) {
			n->already++;
		} else {
			q->ending = true;
			s->cancel_current = true;
			n->now++;
		}
	}
	list_for_each_entry_safe(q, next, &s->queue, link) {
		if (arg->what != KFTP_CANCEL_ALL && q->arg.user_data != arg->user_data)
			continue;
		q->result.end.error = -ECANCELED;
		list_move_tail(&q->link, &s->done);
		n->now++;
	}
}

/* KFTP_CANCEL: posts, and RUN acts. */
int kftp_request_cancel(struct kftp_session *s, const struct kftp_cancel *arg)
{
	struct cancelled n = {};

	if (arg->flags || arg->reserved || arg->what > KFTP_CANCEL_SESSION)
		return -EINVAL;
	spin_lock(&s->lock);
	if (arg->what != KFTP_CANCEL_SESSION) {
		cancel_requests(s, arg, &n);
	} else if (s->info.state != KFTP_STATE_NEW && s->info.state != KFTP_STATE_CLOSED) {
		n.already = s->cancel_session;
		n.now = !s->cancel_session;
		s->cancel_session = true;
	}
	spin_unlock(&s->lock);
	if (n.now)
		kftp_session_kick(s);
	return n.now ? 0 : n.already ? -EALREADY : -ENOENT;
}

/* Begin the next request, if there is one. Return: 1, -EAGAIN, or an error. */
int kftp_request_next(struct kftp_session *s)
{
	struct kftp_request *q;
	int r;

	if (s->tx)	/* the end of a command whose request was given up */
		return -EAGAIN;
	spin_lock(&s->lock);
	q = list_first_entry_or_null(&s->queue, struct kftp_request, link);
	if (q) {
		list_del_init(&q->link);
		s->current_request = q;
	}
	spin_unlock(&s->lock);
	if (!q)
		return -EAGAIN;
	q->begun = ktime_get();
	s->alert = 0;
	kftp_session_enter(s, KFTP_STATE_COMMAND);
	r = kftp_request_advance(s);
	return r < 0 ? r : 1;
}

/* Go on with the running request until it has to wait or is done. Return: 0, or an error. */
int kftp_request_advance(struct kftp_session *s)
{
	struct kftp_request *q = s->current_request;
	int r;

	do {
		r = (*q->step++)(s, q);
	} while (r > 0);
	return r;
}

/* This reply is what DONE, or CLOSED, will show. */
void kftp_request_note_reply(struct kftp_end *end, const struct kftp_reply *r)
{
	end->reply = r->code;
	end->text_len = r->text_len;
	memcpy(end->text, r->text, r->text_len);
}

/**
 * kftp_request_done() - The running request has ended
 * @s: the session
 * @error: 0 or a negative errno
 * @r: the reply that says so, or NULL
 *
 * It moves to those that are to be reported, and the session is ready for the next one. The step
 * that calls this returns 0.
 */
void kftp_request_done(struct kftp_session *s, int error, const struct kftp_reply *r)
{
	struct kftp_request *q = s->current_request;
	struct kftp_result *result = &q->result;

	result->end.error = error;
	result->end.alert = error == -ECONNABORTED ? s->alert : 0;
	result->nsec = ktime_to_ns(ktime_sub(ktime_get(), q->begun));
	if (r)
		kftp_request_note_reply(&q->result.end, r);
	kftp_data_close(s);
	kftp_buffer_free(&s->held);
	trace_kftp_done(s->id, q->arg.op, q->arg.user_data, result);
	spin_lock(&s->lock);
	s->current_request = NULL;
	s->cancel_current = false;
	list_add_tail(&q->link, &s->done);
	spin_unlock(&s->lock);
	kftp_session_enter(s, KFTP_STATE_READY);
}

/* How long the reply to an ABOR may lag behind a 2xx that may have been it. */
#define ABOR_GRACE	(2UL * HZ)

static int on_aborted(struct kftp_session *s, const struct kftp_reply *r)
{
	kftp_request_done(s, s->current_request->result.end.error, NULL);
	return 0;
}

/* The reply that was owed when the request was given up. */
static int on_abandoned(struct kftp_session *s, const struct kftp_reply *r)
{
	kftp_request_note_reply(&s->current_request->result.end, r);
	return on_aborted(s, r);
}

/*
 * The transfer's reply, after an ABOR was sent; the ABOR's own is due. After a 2xx there may be
 * none: the transfer may have been over, or the server says 226 for both.
 */
static int on_interrupted(struct kftp_session *s, const struct kftp_reply *r)
{
	kftp_request_note_reply(&s->current_request->result.end, r);
	s->on_reply = on_aborted;
	if (r->code / 100 == 2)
		kftp_session_set_deadline(s, min(s->config->abort_timeout, ABOR_GRACE));
	return 0;
}

/* The reply to the NOOP, unless it is the ABOR's after all. */
static int on_in_step(struct kftp_session *s, const struct kftp_reply *r)
{
	if (r->code == 200)
		return on_aborted(s, r);
	s->on_reply = on_in_step;
	return 0;
}

/*
 * The deadline has passed. If there seems to be no reply to the ABOR, the one to a NOOP shows where
 * the server is: a late one would be taken for the next command's.
 *
 * Return: whether that is well.
 */
bool kftp_request_abandoned(struct kftp_session *s)
{
	if (s->on_reply != on_aborted || s->current_request->result.end.reply / 100 != 2)
		return false;
	s->on_reply = NULL;
	if (s->tx || kftp_control_command(s, on_in_step, "NOOP", NULL, 0))
		return false;
	kftp_session_set_deadline(s, s->config->abort_timeout);
	return true;
}

/**
 * kftp_request_abort() - Give the running request up
 * @s: the session
 * @error: why
 * @local_file: whether the local file is the cause
 *
 * A transfer is interrupted as RFC 959 section 4.1.3 has it, and its data connection closed, which
 * makes servers give up that do not listen meanwhile. What the server still owes is waited for, so
 * that the session is usable again when DONE is told.
 */
void kftp_request_abort(struct kftp_session *s, int error, bool local_file)
{
	struct kftp_request *q = s->current_request;
	int r = 0;

	spin_lock(&s->lock);
	q->ending = true;
	s->cancel_current = false;	/* too late: it has a cause of its own */
	spin_unlock(&s->lock);
	s->on_line = NULL;
	q->result.end.error = error;
	q->result.local_file = local_file;
	if (!s->on_reply) {
		kftp_request_done(s, error, NULL);
		return;
	}
	if (s->state == KFTP_STATE_TRANSFER && !s->tx)
		r = kftp_control_abort(s, on_interrupted);
	else
		s->on_reply = on_abandoned;
	kftp_data_close(s);
	if (r) {
		kftp_session_end(s, r, NULL);
		return;
	}
	kftp_session_enter(s, KFTP_STATE_ABORTING);
	kftp_session_set_deadline(s, s->config->abort_timeout);
}

/* When the session is freed: nobody else can see it any more. */
void kftp_request_drop_all(struct kftp_session *s)
{
	struct kftp_request *q, *next;

	if (s->current_request)
		kftp_request_free(s->current_request);
	list_splice_tail_init(&s->queue, &s->done);
	list_for_each_entry_safe(q, next, &s->done, link)
		kftp_request_free(q);
}
