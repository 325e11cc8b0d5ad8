// SPDX-License-Identifier: GPL-2.0-only
/*
 * A session: its states, their deadlines, RUN's loop and its one wait point.
 *
 * States, in the order in which they are passed, with what ends them if nothing comes:
 *
 *   new         opened; CONNECT arms it
 *   armed       CONNECT has stored; the first RUN begins to connect
 *   connecting  the control connection's TCP handshake, or     connect: the session ends
 *               until it is adopted
 *   greeting    until the 220                                  reply: the session ends
 *   login       AUTH, FEAT, HOST, USER, PASS, ACCT, PBSZ,      reply: the session ends
 *               PROT, OPTS, TYPE
 *   ready       nothing under way                              idle: the session ends
 *   command     a request's commands without data              reply: the session ends
 *   opening     the data connection's TCP handshake, or        connect: the next method is tried;
 *               until it is adopted                            half of it while there is one
 *   transfer    from RETR to the end of the data               reply until the 1xx, then data:
 *                                                              the session ends
 *   finishing   the data has ended, the last reply is due      reply: the session ends
 *   aborting    given up; what the server still owes is due    abort: the session ends
 *   quitting    QUIT was sent                                  reply: the session ends
 *   closed      one DONE for each request, then CLOSED, then nothing but -ENOTCONN
 *
 * While a socket is lent for a TLS handshake, in the states greeting, login and transfer, the
 * deadline is that of connecting: the session, or the data connection, ends.
 *
 * Only RUN moves a session on, in the context of the process that has armed it, and only one RUN
 * at a time. Other calls leave what they want under the session's lock, set KFTP_WOKEN and wake
 * the queue; so do the wake functions of the sockets and the timer.
 */
#include <linux/cred.h>
#include <linux/nsproxy.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <net/net_namespace.h>

#include "kftp.h"
#include "trace.h"

#define DEFAULT_CONNECT_MS	30000
#define DEFAULT_REPLY_MS	60000
#define DEFAULT_DATA_MS		60000
#define DEFAULT_IDLE_MS		300000
#define DEFAULT_ABORT_MS	10000
#define DEFAULT_PROGRESS_MS	500

#define CONNECT_FLAGS	(KFTP_CONNECT_LOW_PORTS | KFTP_CONNECT_ADOPT | KFTP_CONNECT_RAW)
#define CONNECT_METHODS	(KFTP_METHOD_EPSV | KFTP_METHOD_PASV | KFTP_METHOD_EPRT | KFTP_METHOD_PORT)

/* Until what has to come soon, but wakes nobody, is looked for again. */
#define LOOK_AGAIN	((long)msecs_to_jiffies(20))

static atomic_t last_id = ATOMIC_INIT(0);

/* Something may have happened. From any context, under any lock but the wait queue's own. */
void kftp_session_kick(struct kftp_session *s)
{
	set_bit(KFTP_WOKEN, &s->bits);
	smp_mb__after_atomic();	/* a poller reads RUNNING, which RUN clears, after this */
	wake_up(&s->wait);
}

/* Add to one of the counters that KFTP_INFO shows. */
void kftp_session_count(struct kftp_session *s, u64 *counter, u64 n)
{
	spin_lock(&s->lock);
	*counter += n;
	spin_unlock(&s->lock);
}

static void timer_fired(struct work_struct *work)
{
	kftp_session_kick(container_of(to_delayed_work(work), struct kftp_session, timer));
}

struct kftp_session *kftp_session_new(void)
{
	struct kftp_session *s = kzalloc(sizeof(*s), GFP_KERNEL_ACCOUNT);

	if (!s)
		return NULL;
	s->id = atomic_inc_return(&last_id);
	init_waitqueue_head(&s->wait);
	spin_lock_init(&s->lock);
	INIT_LIST_HEAD(&s->queue);
	INIT_LIST_HEAD(&s->done);
	INIT_DELAYED_WORK(&s->timer, timer_fired);
	return s;
}

void kftp_config_wipe(struct kftp_config *config)
{
	kftp_text_wipe(&config->user);
	kftp_text_wipe(&config->password);
	kftp_text_wipe(&config->account);
}

static void config_free(struct kftp_config *config)
{
	if (!config)
		return;
	kftp_config_wipe(config);
	kftp_text_wipe(&config->host);
	if (config->mm)
		mmdrop(config->mm);
	if (config->net)
		put_net(config->net);
	if (config->cred)
		put_cred(config->cred);
	kfree(config);
}

/*
 * The last descriptor is closed, so no call is in progress and none will come. Sockets first: after
 * that only the timer can still wake us, and it is waited for.
 */
void kftp_session_free(struct kftp_session *s)
{
	kftp_adopt_stop(s);
	kftp_data_close(s);
	kftp_control_close(s);
	cancel_delayed_work_sync(&s->timer);
	kftp_buffer_free(&s->held);
	kftp_request_drop_all(s);
	config_free(s->config);
	kfree(s);
}

/* Copy a text of the caller's; NULL is "absent". */
static int take_text(struct kftp_text *t, u64 from, u32 len, u32 max)
{
	if (!from)
		return len ? -EINVAL : 0;
	if (len > max)
		return -EINVAL;
	t->data = kzalloc(len + 1, GFP_KERNEL_ACCOUNT);
	if (!t->data)
		return -ENOMEM;
	t->len = len;
	if (copy_from_user(t->data, u64_to_user_ptr(from), len))
		return -EFAULT;
	return kftp_text_is_clean(t->data, len) ? 0 : -EINVAL;
}

static int take_texts(struct kftp_config *config, const struct kftp_connect *arg)
{
	const u32 max = KFTP_MAX_CREDENTIAL;

	return take_text(&config->user, arg->user, arg->user_len, max) ?:
	       take_text(&config->password, arg->password, arg->password_len, max) ?:
	       take_text(&config->account, arg->account, arg->account_len, max) ?:
	       take_text(&config->host, arg->host, arg->host_len, KFTP_MAX_HOST);
}

static unsigned long timeout_of(u32 ms, u32 fallback)
{
	return min_t(unsigned long, msecs_to_jiffies(ms ?: fallback), LONG_MAX / 2);
}

static int check_connect(const struct kftp_connect *arg)
{
	bool adopt = arg->flags & KFTP_CONNECT_ADOPT;

	if (arg->flags & ~CONNECT_FLAGS || arg->reserved[0] || arg->reserved[1] ||
	    arg->methods_off & ~CONNECT_METHODS)
		return -EINVAL;
	if (arg->events & ~(KFTP_WANT_LINE | KFTP_WANT_PROGRESS | KFTP_WANT_DATA))
		return -EINVAL;
	if (arg->tls > KFTP_TLS_IMPLICIT || arg->data_mode > KFTP_DATA_ACTIVE_FIRST ||
	    arg->pipelining > 2)
		return -EINVAL;
	if (arg->source.family && arg->source.family != arg->peer.family)
		return -EINVAL;
	if (arg->ifindex > INT_MAX)
		return -EINVAL;
	/* whoever connects does not wait to be connected to */
	if (arg->events & KFTP_WANT_DATA && arg->data_mode >= KFTP_DATA_ACTIVE)
		return -EINVAL;
	if (adopt && memchr_inv(&arg->peer, 0, sizeof(arg->peer)))
		return -EINVAL;
	if ((arg->tls != KFTP_TLS_NONE && !IS_ENABLED(CONFIG_TLS)) || arg->pipelining)
		return -EOPNOTSUPP;
	if (!READ_ONCE(kftp_allow_connect) && !(adopt && arg->events & KFTP_WANT_DATA))
		return -EPERM;
	return adopt ? 0 : kftp_addr_check_remote(&arg->peer);
}

static void fill_config(struct kftp_config *config, const struct kftp_connect *arg)
{
	config->arg = *arg;
	config->connect_timeout = timeout_of(arg->connect_ms, DEFAULT_CONNECT_MS);
	config->reply_timeout = timeout_of(arg->reply_ms, DEFAULT_REPLY_MS);
	config->data_timeout = timeout_of(arg->data_ms, DEFAULT_DATA_MS);
	config->idle_timeout = timeout_of(arg->idle_ms, DEFAULT_IDLE_MS);
	config->abort_timeout = timeout_of(arg->abort_ms, DEFAULT_ABORT_MS);
	config->progress_interval = timeout_of(arg->progress_ms, DEFAULT_PROGRESS_MS);
	config->mm = current->mm;
	mmgrab(config->mm);
	config->net = get_net(current->nsproxy->net_ns);
	config->cred = get_current_cred();
}

/* KFTP_CONNECT: only stores. */
int kftp_session_connect(struct kftp_session *s, const struct kftp_connect *arg)
{
	struct kftp_config *config;
	int r;

	r = check_connect(arg);
	if (r)
		return r;
	config = kzalloc(sizeof(*config), GFP_KERNEL_ACCOUNT);
	if (!config)
		return -ENOMEM;
	r = take_texts(config, arg);
	if (r)
		goto fail;
	fill_config(config, arg);
	spin_lock(&s->lock);
	if (s->config) {
		r = -EISCONN;
	} else {
		s->adopt_wanted = config->arg.flags & KFTP_CONNECT_ADOPT;
		s->info.state = KFTP_STATE_ARMED;
		s->state = KFTP_STATE_ARMED;
		/* pairs with those who read it without the lock */
		smp_store_release(&s->config, config);
	}
	spin_unlock(&s->lock);
	if (r)
		goto fail;
	kftp_session_kick(s);
	return 0;
fail:
	config_free(config);
	return r;
}

/*
 * Whoever has armed the session may work with it: the same memory (so no fork, no exec, no passed
 * descriptor), the same namespaces and the same rights.
 */
bool kftp_session_is_mine(const struct kftp_config *config)
{
	const struct cred *now = current_cred(), *then = config->cred;

	return current->mm == config->mm &&
	       net_eq(current->nsproxy->net_ns, config->net) &&
	       now->user_ns == then->user_ns &&
	       uid_eq(now->fsuid, then->fsuid) && gid_eq(now->fsgid, then->fsgid) &&
	       cap_issubset(now->cap_effective, then->cap_effective) &&
	       cap_issubset(then->cap_effective, now->cap_effective);
}

void kftp_session_enter(struct kftp_session *s, enum kftp_state state)
{
	trace_kftp_state(s->id, s->state, state);
	spin_lock(&s->lock);
	s->state = state;
	s->info.state = state;
	spin_unlock(&s->lock);
	if (state == KFTP_STATE_READY)
		kftp_session_set_deadline(s, s->config->idle_timeout);
}

void kftp_session_set_deadline(struct kftp_session *s, unsigned long timeout)
{
	s->deadline = jiffies + timeout;
}

/**
 * kftp_session_end() - End the session
 * @s: the session
 * @error: why; 0 if it was asked to
 * @r: the reply that says why, or NULL
 *
 * Leaves one DONE for each request, in order: the running one's carries the cause, unless it was
 * being aborted for a cause of its own. CLOSED follows them.
 */
void kftp_session_end(struct kftp_session *s, int error, const struct kftp_reply *r)
{
	struct kftp_request *q = s->current_request;

	if (s->state == KFTP_STATE_CLOSED)
		return;
	if (s->state == KFTP_STATE_QUITTING && error == -ECONNRESET)
		error = 0;	/* the server need not say goodbye */
	if (q)
		kftp_request_done(s, q->result.end.error ?:
				     kftp_transfer_survives(q) ? 0 : error, r);
	kftp_data_close(s);
	kftp_control_close(s);
	kftp_config_wipe(s->config);
	s->end.error = error;
	s->end.alert = error == -ECONNABORTED ? s->alert : 0;
	if (r)
		kftp_request_note_reply(&s->end, r);
	kftp_session_enter(s, KFTP_STATE_CLOSED);
	spin_lock(&s->lock);
	list_for_each_entry(q, &s->queue, link)
		q->result.end.error = -ECANCELED;
	list_splice_tail_init(&s->queue, &s->done);
	spin_unlock(&s->lock);
}

/* Has somebody cancelled? Return: 1 if that changed anything, 0 if not. */
static int take_cancel(struct kftp_session *s)
{
	bool session, request;

	spin_lock(&s->lock);
	session = s->cancel_session;
	request = s->cancel_current && s->current_request;
	s->cancel_current = false;
	spin_unlock(&s->lock);
	if (session)
		kftp_session_end(s, -ECANCELED, NULL);
	else if (request)
		kftp_request_abort(s, -ECANCELED, false);
	return session || request;
}

/* Return: 1 if something moved, -EAGAIN if nothing can, or an error that ends the session. */
static int session_step(struct kftp_session *s, struct kftp_call *call)
{
	int r;

	if (take_cancel(s))
		return 1;
	switch (s->state) {
	case KFTP_STATE_ARMED:
		return kftp_control_connect(s);
	case KFTP_STATE_CONNECTING:
		return kftp_control_connected(s);
	default:
		break;
	}
	if (s->control.lent)
		return kftp_login_protected(s);
	/* once a transfer's last reply is here, the rest waits for the end of the data */
	if (s->state != KFTP_STATE_TRANSFER ||
	    (!s->current_request->result.end.reply && !s->lost)) {
		r = kftp_control_step(s);
		if (r != -EAGAIN && (r > 0 || !kftp_transfer_outlives(s, r)))
			return r;
	}
	switch (s->state) {
	case KFTP_STATE_READY:
		return kftp_request_next(s);
	case KFTP_STATE_OPENING:
		return kftp_data_opened(s);
	case KFTP_STATE_TRANSFER:
		return kftp_transfer_step(s, call);
	default:
		return -EAGAIN;
	}
}

/* The deadline has passed and a try has found nothing. */
static void session_expired(struct kftp_session *s)
{
	int r = -ETIMEDOUT;

	if (s->state == KFTP_STATE_OPENING)
		r = kftp_data_failed(s, -ETIMEDOUT, NULL);
	else if (s->state == KFTP_STATE_TRANSFER || s->state == KFTP_STATE_FINISHING)
		r = kftp_transfer_expired(s);
	else if (s->state == KFTP_STATE_ABORTING && kftp_request_abandoned(s))
		r = 0;
	if (r < 0)
		kftp_session_end(s, r, NULL);
}

/*
 * Drive the session until an event is pending. Return: 0, -EAGAIN if it would have to wait, or
 * -ERESTARTNOHAND.
 */
static int session_drive(struct kftp_session *s, struct kftp_call *call)
{
	long left;
	int r;

	while (!kftp_event_pending(s)) {
		if (signal_pending(current))
			return -ERESTARTNOHAND;
		cond_resched();

		clear_bit(KFTP_WOKEN, &s->bits);
		/* what happens from here on is seen by the try, or wakes us */
		smp_mb__after_atomic();
		r = session_step(s, call);
		/* whoever never stops talking does not make us wait for ever */
		if (r > 0 && s->state == KFTP_STATE_ABORTING &&
		    time_after(jiffies, s->deadline))
			session_expired(s);
		if (r > 0)
			continue;
		if (r == -EINTR)	/* the local file, with a signal pending */
			return -ERESTARTNOHAND;
		if (r != -EAGAIN) {
			kftp_session_end(s, r, NULL);
			continue;
		}
		left = (long)(s->deadline - jiffies);
		if (left <= 0) {
			session_expired(s);
			continue;
		}
		if (s->look_again)
			left = min(left, LOOK_AGAIN);
		s->look_again = false;
		if (call->nonblock) {
			mod_delayed_work(kftp_wq, &s->timer, left);
			return -EAGAIN;
		}
		kftp_session_count(s, &s->info.sleeps, 1);
		/* the one wait point */
		if (wait_event_interruptible_timeout(s->wait, test_bit(KFTP_WOKEN, &s->bits),
						     left) < 0)
			return -ERESTARTNOHAND;
	}
	return 0;
}

static int copy_run_in(struct kftp_run *run, struct kftp_run __user *arg)
{
	const size_t in = offsetof(struct kftp_run, type);

	memset(run, 0, sizeof(*run));
	if (copy_from_user(run, arg, in))
		return -EFAULT;
	if (run->size < in || run->flags & ~KFTP_RUN_NONBLOCK || run->reserved_in)
		return -EINVAL;
	return 0;
}

/* KFTP_RUN */
long kftp_session_run(struct file *file, struct kftp_session *s, struct kftp_run __user *arg)
{
	/* pairs with kftp_session_connect() */
	const struct kftp_config *config = smp_load_acquire(&s->config);
	struct kftp_call call = {};
	struct kftp_run run;
	long r;

	r = copy_run_in(&run, arg);
	if (r)
		return r;
	if (!config)
		return -ENOTCONN;
	if (!kftp_session_is_mine(config))
		return -EPERM;
	if (test_and_set_bit_lock(KFTP_RUNNING, &s->bits))
		return -EBUSY;
	call.max_bytes = run.max_bytes;
	call.nonblock = (file->f_flags & O_NONBLOCK) || (run.flags & KFTP_RUN_NONBLOCK);
	kftp_session_count(s, &s->info.runs, 1);
	if (test_bit(KFTP_HUNG_UP, &s->bits)) {
		r = -ENOTCONN;
	} else {
		cancel_delayed_work(&s->timer);
		kftp_tls_drop_stale_event(s);
		r = session_drive(s, &call);
		if (!r)
			r = kftp_event_deliver(s, &run, run.size, arg);
		if (r != -EAGAIN)	/* there may be more to do: poll() says so */
			set_bit(KFTP_WOKEN, &s->bits);
	}
	kftp_buffer_free(&call.buffer);
	clear_bit_unlock(KFTP_RUNNING, &s->bits);
	/* those who polled meanwhile were told 0 */
	smp_mb__after_atomic();	/* as kftp_poll() reads: RUNNING, then WOKEN */
	if (test_bit(KFTP_WOKEN, &s->bits))
		wake_up(&s->wait);
	return r;
}
