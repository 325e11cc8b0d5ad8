// SPDX-License-Identifier: GPL-2.0-only
/*
 * Sockets that the caller has connected, through a proxy perhaps, and hands over with KFTP_ADOPT.
 *
 * A mailbox with room for one: RUN says when it wants one and for which role, KFTP_ADOPT posts it,
 * RUN takes it out. The socket stays shared with the caller, who may have its file lead elsewhere
 * meanwhile (TCP_ULP "smc" does): what was checked is kept, and never looked up again.
 */
#include <linux/file.h>
#include <linux/tcp.h>
#include <net/inet_connection_sock.h>
#include <net/sock.h>

#include "kftp.h"

/*
 * Only TCP, connected, and nothing on top of it: a socket of another kind could carry the session's
 * own descriptor, a cycle that nothing collects.
 */
static int check_socket(const struct kftp_session *s, const struct file *file,
			const struct socket *sock)
{
	const struct sock *sk = sock->sk;

	if ((sk->sk_family != AF_INET && sk->sk_family != AF_INET6) ||
	    sk->sk_type != SOCK_STREAM || sk->sk_protocol != IPPROTO_TCP)
		return -EPROTOTYPE;
	if (READ_ONCE(sk->sk_state) != TCP_ESTABLISHED && READ_ONCE(sk->sk_state) != TCP_CLOSE_WAIT)
		return -ENOTCONN;
	if (!net_eq(sock_net(sk), s->config->net))
		return -EXDEV;
	if (inet_csk(sk)->icsk_ulp_ops || !(file->f_flags & O_NONBLOCK))
		return -EINVAL;
	return 0;
}

static bool is_wanted(const struct kftp_session *s, const struct kftp_adopt *arg)
{
	lockdep_assert_held(&s->lock);
	if (!s->adopt_wanted || s->adopt_posted || s->adopt_role != arg->role)
		return false;
	return arg->role == KFTP_ROLE_CONTROL ||
	       (s->current_request && s->current_request->arg.user_data == arg->user_data);
}

/* KFTP_ADOPT: posts, and RUN acts. */
int kftp_adopt(struct kftp_session *s, const struct kftp_adopt *arg)
{
	struct socket *sock = NULL;
	struct file *file = NULL;
	int r = 0;

	if (arg->flags || arg->role > KFTP_ROLE_DATA || arg->fd < -1 ||
	    (arg->fd == -1 && arg->role == KFTP_ROLE_CONTROL))
		return -EINVAL;
	if (arg->fd != -1) {
		file = fget(arg->fd);
		if (!file)
			return -EBADF;
		if (S_ISSOCK(file_inode(file)->i_mode)) {
			sock = SOCKET_I(file_inode(file));
			r = check_socket(s, file, sock);
		} else {
			r = -ENOTSOCK;
		}
	}
	spin_lock(&s->lock);
	if (!r && !is_wanted(s, arg))
		r = -ESRCH;
	if (!r) {
		s->adopted = file;
		s->adopted_sock = sock;
		s->adopt_posted = true;
	}
	spin_unlock(&s->lock);
	if (!r)
		kftp_session_kick(s);
	else if (file)
		fput(file);
	return r;
}

/* From now on KFTP_ADOPT may post a socket for this role. */
void kftp_adopt_want(struct kftp_session *s, enum kftp_role role)
{
	spin_lock(&s->lock);
	s->adopt_wanted = true;
	s->adopt_role = role;
	spin_unlock(&s->lock);
}

/* Return: 1 if c is it, 0 if nothing was posted yet, -EHOSTUNREACH if there is none to be had. */
int kftp_adopt_take(struct kftp_session *s, struct kftp_conn *c)
{
	struct socket *sock;
	struct file *file;
	bool posted;

	spin_lock(&s->lock);
	posted = s->adopt_posted;
	file = s->adopted;
	sock = s->adopted_sock;
	s->adopted = NULL;
	s->adopt_posted = false;
	if (posted)
		s->adopt_wanted = false;
	spin_unlock(&s->lock);
	if (!file)
		return posted ? -EHOSTUNREACH : 0;
	kftp_conn_attach(s, c, file, sock);
	return 1;
}

/* Nobody waits for one any more. */
void kftp_adopt_stop(struct kftp_session *s)
{
	struct file *file;

	spin_lock(&s->lock);
	file = s->adopted;
	s->adopted = NULL;
	s->adopt_posted = false;
	s->adopt_wanted = false;
	spin_unlock(&s->lock);
	if (file)
		fput(file);
}
