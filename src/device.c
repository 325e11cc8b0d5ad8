// SPDX-License-Identifier: GPL-2.0-only
/*
 * The device node: open, ioctl, poll, release, fdinfo.
 *
 * Arguments are copied in and checked for form here; what they mean is the business of session.c
 * and request.c.
 */
#include <linux/build_bug.h>
#include <linux/cred.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/user_namespace.h>

#include "kftp.h"

#define KFTP_FEATURES	(KFTP_FEATURE_PASSIVE | KFTP_FEATURE_ACTIVE | KFTP_FEATURE_RETR | \
			 KFTP_FEATURE_STOR | KFTP_FEATURE_LIST | KFTP_FEATURE_ADOPT | \
			 KFTP_FEATURE_RANGE | KFTP_FEATURE_PIPE | KFTP_FEATURE_RAW | \
			 (IS_ENABLED(CONFIG_TLS) ? KFTP_FEATURE_TLS : 0))

/* the same in 32-bit and 64-bit programs, and for ever */
static_assert(sizeof(struct kftp_addr) == 24);
static_assert(sizeof(struct kftp_info) == 288);
static_assert(sizeof(struct kftp_connect) == 160);
static_assert(sizeof(struct kftp_adopt) == 24);
static_assert(sizeof(struct kftp_submit) == 112);
static_assert(sizeof(struct kftp_run) == 232);
static_assert(sizeof(struct kftp_tls) == 32);
static_assert(sizeof(struct kftp_cancel) == 24);

/*
 * Copy a structure in that begins with its own size. Of larger ones, from after it has grown,
 * what this module does not know has to be zero.
 */
static int copy_in(void *dst, size_t size, const void __user *src)
{
	u32 theirs;

	if (get_user(theirs, (const u32 __user *)src))
		return -EFAULT;
	if (theirs < size)	/* there is no older version yet */
		return -EINVAL;
	if (theirs > PAGE_SIZE)
		return -E2BIG;
	return copy_struct_from_user(dst, size, src, theirs);
}

static long ioctl_info(struct kftp_session *s, struct kftp_info __user *arg)
{
	struct kftp_info info;
	u32 head[2];

	if (copy_from_user(head, arg, sizeof(head)))
		return -EFAULT;
	if (head[0] < sizeof(head) || head[1])
		return -EINVAL;
	spin_lock(&s->lock);
	info = s->info;
	info.queued = s->requests;
	spin_unlock(&s->lock);
	info.size = min_t(u32, head[0], sizeof(info));
	info.abi = KFTP_ABI_VERSION;
	info.features = KFTP_FEATURES;
	info.max_queue = KFTP_MAX_QUEUE;
	info.max_path = KFTP_MAX_PATH;
	info.max_credential = KFTP_MAX_CREDENTIAL;
	return copy_to_user(arg, &info, info.size) ? -EFAULT : 0;
}

/* Only the one who armed the session may work with it. */
static int check_owner(struct kftp_session *s)
{
	/* pairs with kftp_session_connect() */
	const struct kftp_config *config = smp_load_acquire(&s->config);

	if (!config)
		return -ENOTCONN;
	return kftp_session_is_mine(config) ? 0 : -EPERM;
}

static long kftp_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct kftp_session *s = file->private_data;
	void __user *p = (void __user *)arg;
	union {
		struct kftp_connect connect;
		struct kftp_adopt adopt;
		struct kftp_submit submit;
		struct kftp_tls tls;
		struct kftp_cancel cancel;
	} in;

	if (_IOC_TYPE(cmd) != KFTP_IOC_MAGIC)
		return -ENOTTY;
	/* by number alone: the size is part of cmd, and structures may grow */
	switch (_IOC_NR(cmd)) {
	case _IOC_NR(KFTP_INFO):
		return ioctl_info(s, p);
	case _IOC_NR(KFTP_CONNECT):
		return copy_in(&in.connect, sizeof(in.connect), p) ?:
		       kftp_session_connect(s, &in.connect);
	case _IOC_NR(KFTP_ADOPT):
		return copy_in(&in.adopt, sizeof(in.adopt), p) ?: check_owner(s) ?:
		       kftp_adopt(s, &in.adopt);
	case _IOC_NR(KFTP_SUBMIT):
		return copy_in(&in.submit, sizeof(in.submit), p) ?: check_owner(s) ?:
		       kftp_request_submit(s, &in.submit);
	case _IOC_NR(KFTP_RUN):
		return kftp_session_run(file, s, p);
	case _IOC_NR(KFTP_TLS):
		return copy_in(&in.tls, sizeof(in.tls), p) ?: check_owner(s) ?:
		       kftp_tls_answer(s, &in.tls);
	case _IOC_NR(KFTP_CANCEL):
		return copy_in(&in.cancel, sizeof(in.cancel), p) ?:
		       kftp_request_cancel(s, &in.cancel);
	}
	return -ENOTTY;
}

/*
 * Only the session's own queue is registered: sockets come and go while somebody polls, and their
 * wake functions wake this one. While a RUN is in progress the answer is 0, or an epoll loop
 * beside it would spin; RUN's exit wakes the queue.
 */
static __poll_t kftp_poll(struct file *file, poll_table *pt)
{
	struct kftp_session *s = file->private_data;

	poll_wait(file, &s->wait, pt);
	if (test_bit(KFTP_RUNNING, &s->bits))
		return 0;
	if (test_bit(KFTP_HUNG_UP, &s->bits))
		return EPOLLHUP;
	return test_bit(KFTP_WOKEN, &s->bits) ? EPOLLIN | EPOLLRDNORM : 0;
}

static int kftp_open(struct inode *inode, struct file *file)
{
	struct kftp_session *s;

	if (file->f_cred->user_ns != &init_user_ns && !READ_ONCE(kftp_allow_userns))
		return -EPERM;
	s = kftp_session_new();
	if (!s)
		return -ENOMEM;
	file->private_data = s;
	return stream_open(inode, file);
}

static int kftp_release(struct inode *inode, struct file *file)
{
	kftp_session_free(file->private_data);
	return 0;
}

static const char * const state_names[] = {
	[KFTP_STATE_NEW] = "new",
	[KFTP_STATE_ARMED] = "armed",
	[KFTP_STATE_CONNECTING] = "connecting",
	[KFTP_STATE_GREETING] = "greeting",
	[KFTP_STATE_LOGIN] = "login",
	[KFTP_STATE_READY] = "ready",
	[KFTP_STATE_COMMAND] = "command",
	[KFTP_STATE_OPENING] = "opening",
	[KFTP_STATE_TRANSFER] = "transfer",
	[KFTP_STATE_FINISHING] = "finishing",
	[KFTP_STATE_ABORTING] = "aborting",
	[KFTP_STATE_QUITTING] = "quitting",
	[KFTP_STATE_CLOSED] = "closed",
};

static void show_address(struct seq_file *m, const char *label, const struct kftp_addr *a)
{
	struct sockaddr_storage ss;

	if (a->family && kftp_addr_to_sockaddr(a, &ss) > 0)
		seq_printf(m, "%s:\t%pISpc\n", label, &ss);
}

static void kftp_show_fdinfo(struct seq_file *m, struct file *file)
{
	struct kftp_session *s = file->private_data;
	struct kftp_info info;
	unsigned int requests;

	spin_lock(&s->lock);
	info = s->info;
	requests = s->requests;
	spin_unlock(&s->lock);
	seq_printf(m, "kftp-state:\t%s\n", state_names[info.state]);
	show_address(m, "kftp-local", &info.local);
	show_address(m, "kftp-peer", &info.peer);
	if (info.tls_version)
		seq_printf(m, "kftp-tls:\t0x%04x 0x%04x\n", info.tls_version, info.tls_cipher);
	seq_printf(m, "kftp-requests:\t%u\n", requests);
	seq_printf(m, "kftp-bytes-in:\t%llu\n", info.bytes_in);
	seq_printf(m, "kftp-bytes-out:\t%llu\n", info.bytes_out);
	seq_printf(m, "kftp-commands:\t%llu\n", info.commands);
	seq_printf(m, "kftp-replies:\t%llu\n", info.replies);
	seq_printf(m, "kftp-runs:\t%llu\n", info.runs);
	seq_printf(m, "kftp-sleeps:\t%llu\n", info.sleeps);
}

const struct file_operations kftp_fops = {
	.owner = THIS_MODULE,
	.open = kftp_open,
	.release = kftp_release,
	.unlocked_ioctl = kftp_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.poll = kftp_poll,
	.show_fdinfo = kftp_show_fdinfo,
};
