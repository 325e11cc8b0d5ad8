// SPDX-License-Identifier: GPL-2.0-only
/*
 * Sockets: opening, binding, connecting, accepting, sending, receiving, and being woken.
 *
 * A socket is made in the caller's context and gets a file, so that it belongs to the caller's
 * network namespace, control group and security label, and holds a reference on each. Nothing
 * here waits: what cannot be done now is -EAGAIN.
 *
 * Waiting is done with an entry of our own on the socket's wait queue, put there once for the
 * socket's life. sk_data_ready and its kin are never touched: the TLS layer saves and restores
 * them, and a pointer to our text would outlive us there.
 */
#include <linux/bvec.h>
#include <linux/file.h>
#include <linux/in.h>
#include <linux/in6.h>
#include <linux/tcp.h>
#include <linux/uio.h>
#include <net/ipv6.h>
#include <net/sock.h>
#include <net/tcp.h>

#include "kftp.h"

/* Return: the length of the sockaddr, or -EAFNOSUPPORT. */
int kftp_addr_to_sockaddr(const struct kftp_addr *a, struct sockaddr_storage *ss)
{
	struct sockaddr_in6 *sin6 = (void *)ss;
	struct sockaddr_in *sin = (void *)ss;

	memset(ss, 0, sizeof(*ss));
	switch (a->family) {
	case AF_INET:
		sin->sin_family = AF_INET;
		sin->sin_port = a->port;
		memcpy(&sin->sin_addr, a->addr, sizeof(sin->sin_addr));
		return sizeof(*sin);
	case AF_INET6:
		sin6->sin6_family = AF_INET6;
		sin6->sin6_port = a->port;
		sin6->sin6_scope_id = a->scope_id;
		memcpy(&sin6->sin6_addr, a->addr, sizeof(sin6->sin6_addr));
		return sizeof(*sin6);
	}
	return -EAFNOSUPPORT;
}

static int addr_from_sockaddr(struct kftp_addr *a, const struct sockaddr_storage *ss)
{
	const struct sockaddr_in6 *sin6 = (const void *)ss;
	const struct sockaddr_in *sin = (const void *)ss;

	memset(a, 0, sizeof(*a));
	a->family = ss->ss_family;
	switch (ss->ss_family) {
	case AF_INET:
		a->port = sin->sin_port;
		memcpy(a->addr, &sin->sin_addr, sizeof(sin->sin_addr));
		return 0;
	case AF_INET6:
		a->port = sin6->sin6_port;
		a->scope_id = sin6->sin6_scope_id;
		memcpy(a->addr, &sin6->sin6_addr, sizeof(sin6->sin6_addr));
		if (ipv6_addr_v4mapped(&sin6->sin6_addr)) {
			a->family = AF_INET;
			memmove(a->addr, a->addr + 12, 4);
			memset(a->addr + 4, 0, 12);
		}
		return 0;
	}
	return -EAFNOSUPPORT;
}

/*
 * May this be the address of a server? IPv4 in IPv6's clothes is refused: it would have to be
 * told apart in every command that carries an address.
 */
int kftp_addr_check_remote(const struct kftp_addr *a)
{
	struct in6_addr in6;
	__be32 in;

	if (!a->port)
		return -EINVAL;
	switch (a->family) {
	case AF_INET:
		memcpy(&in, a->addr, sizeof(in));
		if (ipv4_is_zeronet(in) || ipv4_is_multicast(in) || ipv4_is_lbcast(in))
			return -EINVAL;
		return 0;
	case AF_INET6:
		memcpy(&in6, a->addr, sizeof(in6));
		if (ipv6_addr_any(&in6) || ipv6_addr_is_multicast(&in6) || ipv6_addr_v4mapped(&in6))
			return -EINVAL;
		return 0;
	}
	return -EAFNOSUPPORT;
}

bool kftp_addr_same_host(const struct kftp_addr *a, const struct kftp_addr *b)
{
	return a->family == b->family && !memcmp(a->addr, b->addr, sizeof(a->addr));
}

/* Called with interrupts off, from wherever the network stack wakes its waiters. */
static int conn_wake(wait_queue_entry_t *entry, unsigned int mode, int sync, void *key)
{
	struct kftp_conn *c = container_of(entry, struct kftp_conn, entry);
	__poll_t events = key_to_poll(key);
	__poll_t wanted = EPOLLIN | EPOLLRDHUP | EPOLLERR | EPOLLHUP;

	if (READ_ONCE(c->want_write))
		wanted |= EPOLLOUT;
	if (!events || (events & wanted))	/* 0: the waker does not say */
		kftp_session_kick(c->session);
	return 0;
}

static void conn_queue(struct file *file, wait_queue_head_t *head, poll_table *pt)
{
	struct kftp_conn *c = container_of(pt, struct kftp_conn, pt);

	if (c->head)	/* a FIFO opened for writing too has a second queue, of no use here */
		return;
	c->head = head;
	add_wait_queue(head, &c->entry);
}

/* Be woken by a socket, or a pipe if sock is NULL. Takes over the reference to file. */
void kftp_conn_attach(struct kftp_session *s, struct kftp_conn *c, struct file *file,
		      struct socket *sock)
{
	c->session = s;
	c->sock = sock;
	c->head = NULL;
	WRITE_ONCE(c->want_write, false);
	c->file = file;
	init_waitqueue_func_entry(&c->entry, conn_wake);
	init_poll_funcptr(&c->pt, conn_queue);
	vfs_poll(file, &c->pt);
}

/* Takes over sock, also when it fails. */
static int conn_attach(struct kftp_session *s, struct kftp_conn *c, struct socket *sock)
{
	struct file *file = sock_alloc_file(sock, O_NONBLOCK, NULL);

	if (IS_ERR(file))
		return PTR_ERR(file);
	kftp_conn_attach(s, c, file, sock);
	return 0;
}

int kftp_conn_open(struct kftp_session *s, struct kftp_conn *c, int family)
{
	struct socket *sock;
	int r;

	r = sock_create(family, SOCK_STREAM, IPPROTO_TCP, &sock);
	if (r)
		return r;
	if (s->config->arg.ifindex)
		r = sock_bindtoindex(sock->sk, s->config->arg.ifindex, true);
	if (r) {
		sock_release(sock);
		return r;
	}
	tcp_sock_set_nodelay(sock->sk);
	return conn_attach(s, c, sock);
}

int kftp_conn_bind(struct kftp_conn *c, const struct kftp_addr *a)
{
	struct sockaddr_storage ss;
	int len = kftp_addr_to_sockaddr(a, &ss);

	/* (void *): the parameter's type has changed in 6.19 */
	return len < 0 ? len : kernel_bind(c->sock, (void *)&ss, len);
}

/* Return: 1 if it is up at once, 0 if it is under way, or an error. */
int kftp_conn_connect(struct kftp_conn *c, const struct kftp_addr *peer)
{
	struct sockaddr_storage ss;
	int r, len = kftp_addr_to_sockaddr(peer, &ss);

	if (len < 0)
		return len;
	WRITE_ONCE(c->want_write, true);
	r = kernel_connect(c->sock, (void *)&ss, len, O_NONBLOCK);
	if (r == -EINPROGRESS)
		return 0;
	WRITE_ONCE(c->want_write, false);
	return r ?: 1;
}

/* Return: 1 if it is, 0 if not yet, or the error with which connecting has failed. */
int kftp_conn_is_up(struct kftp_conn *c)
{
	__poll_t mask = vfs_poll(c->file, NULL);
	int r;

	if (!(mask & (EPOLLOUT | EPOLLERR | EPOLLHUP)))
		return 0;
	r = sock_error(c->sock->sk);
	if (r)
		return r;
	WRITE_ONCE(c->want_write, false);
	return 1;
}

/* Two, so that a stranger who is quicker than the server does not shut it out. */
#define LISTEN_BACKLOG	2

int kftp_conn_listen(struct kftp_conn *c)
{
	return kernel_listen(c->sock, LISTEN_BACKLOG);
}

int kftp_conn_accept(struct kftp_conn *listener, struct kftp_conn *c)
{
	struct socket *sock;
	int r;

	r = kernel_accept(listener->sock, &sock, O_NONBLOCK);
	return r ?: conn_attach(listener->session, c, sock);
}

/* The address of this end, or of the peer's. */
int kftp_conn_name(struct kftp_conn *c, struct kftp_addr *a, bool peer)
{
	struct sockaddr_storage ss = {};
	int r = peer ? kernel_getpeername(c->sock, (void *)&ss) :
		       kernel_getsockname(c->sock, (void *)&ss);

	return r < 0 ? r : addr_from_sockaddr(a, &ss);
}

/* Return: how many bytes were taken, -EAGAIN, or an error. */
int kftp_conn_send(struct kftp_conn *c, const void *data, size_t len, int flags)
{
	struct kvec kv = { .iov_base = (void *)data, .iov_len = len };
	struct msghdr msg = { .msg_flags = flags | MSG_DONTWAIT | MSG_NOSIGNAL };
	int r;

	/* before trying: space that appears in between must wake us */
	WRITE_ONCE(c->want_write, true);
	if (c->tls && kftp_tls_is_busy(c))
		return -EAGAIN;
	r = kernel_sendmsg(c->sock, &msg, &kv, 1, len);
	if (r == len)
		WRITE_ONCE(c->want_write, false);
	return c->tls && r == -EBADMSG ? -EIO : r;
}

/* Waiting for room for a whole chunk might be for ever. */
#define LEAST_SPACE	4096

/* Return: how much may be sent without waiting; 0: nothing, and room will wake us. */
int kftp_conn_space(struct kftp_conn *c)
{
	WRITE_ONCE(c->want_write, true);
	if (!(vfs_poll(c->file, NULL) & (EPOLLOUT | EPOLLERR | EPOLLHUP)))
		return 0;
	return max(sk_stream_wspace(c->sock->sk), LEAST_SPACE);
}

/* Would sending fail, whatever it is that is sent? */
bool kftp_conn_is_broken(const struct kftp_conn *c)
{
	const struct sock *sk = c->sock->sk;

	return READ_ONCE(sk->sk_err) || READ_ONCE(sk->sk_shutdown) & SEND_SHUTDOWN ||
	       READ_ONCE(sk->sk_state) == TCP_CLOSE;
}

/*
 * Of a connection that is broken. The TLS layer's word for whatever has gone wrong would be taken
 * for a file of the wrong size.
 */
int kftp_conn_error(struct kftp_conn *c)
{
	int r = sock_error(c->sock->sk);

	return c->tls && r == -EBADMSG ? -EIO : r ?: -EPIPE;
}

/* Return: how many bytes have come, 0 at the end, -EAGAIN, or an error. */
int kftp_conn_receive(struct kftp_conn *c, void *data, size_t len)
{
	struct kvec kv = { .iov_base = data, .iov_len = len };
	unsigned int records = 0;
	struct msghdr msg;
	int r;

	do {
		msg = (struct msghdr){};
		r = kernel_recvmsg(c->sock, &msg, &kv, 1, len, MSG_DONTWAIT);
	} while (c->tls && kftp_tls_received(c, &msg, &r, &records));
	return r;
}

/* As kftp_conn_receive(), into a page of our own: with TLS the kernel decrypts straight into it. */
int kftp_conn_receive_page(struct kftp_conn *c, struct page *page, size_t len)
{
	struct bio_vec bv = { .bv_page = page, .bv_len = len };
	unsigned int records = 0;
	struct msghdr msg;
	int r;

	do {
		msg = (struct msghdr){};
		iov_iter_bvec(&msg.msg_iter, READ, &bv, 1, len);
		r = sock_recvmsg(c->sock, &msg, MSG_DONTWAIT);
	} while (c->tls && kftp_tls_received(c, &msg, &r, &records));
	return r;
}

/* remove_wait_queue() returns only when no wake function is running any more. */
static void conn_drop(struct kftp_conn *c)
{
	if (c->head)
		remove_wait_queue(c->head, &c->entry);
	fput(c->file);
	memset(c, 0, sizeof(*c));
}

/* TLS wants an end of its own; if there is no room for that, the peer has to do without. */
static void conn_shutdown(struct kftp_conn *c)
{
	if (c->tls && !(READ_ONCE(c->sock->sk->sk_shutdown) & SEND_SHUTDOWN))
		kftp_tls_close_notify(c);
	kernel_sock_shutdown(c->sock, SHUT_RDWR);
}

/*
 * The peer is told at once: what fput() does, it does only when the caller returns to user mode,
 * and RUN may stay for long, waiting for an answer to this very close.
 */
void kftp_conn_close(struct kftp_conn *c)
{
	if (!c->file)
		return;
	if (c->sock)
		conn_shutdown(c);
	conn_drop(c);
}

/*
 * As kftp_conn_close(), for a peer that may still be sending: one that is stuck before our full
 * receive buffer would not see a FIN as the end, so it gets a reset; and one must not take a FIN
 * for the end of an upload. Not after our own FIN: what was sent before it may still be on its way;
 * nor after the peer's end, unless it has to see one.
 */
void kftp_conn_reset(struct kftp_conn *c, bool always)
{
	const struct sock *sk;

	if (!c->file)
		return;
	sk = c->sock->sk;
	if (READ_ONCE(sk->sk_shutdown) & SEND_SHUTDOWN ||
	    ((READ_ONCE(sk->sk_state) == TCP_CLOSE_WAIT || c->clean_end) && !always))
		conn_shutdown(c);
	else
		tcp_abort(c->sock->sk, ECONNABORTED);
	conn_drop(c);
}
