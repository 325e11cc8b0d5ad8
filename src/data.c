// SPDX-License-Identifier: GPL-2.0-only
/*
 * The data connection: EPSV, PASV, EPRT, PORT, falling back from one to the next, and who may
 * connect.
 *
 * It leads to the host of the control connection and nowhere else: the address in a 227 is not
 * used, and whoever else dials in is hung up on (RFC 2577 section 5).
 */
#include "kftp.h"
#include "trace.h"

#define LOWEST_PORT	1024

/* Others than the server that may dial in before the transfer is given up. */
#define MAX_STRANGERS	64

static const unsigned int passive_methods = BIT(KFTP_EPSV) | BIT(KFTP_PASV);
static const unsigned int active_methods = BIT(KFTP_EPRT) | BIT(KFTP_PORT);

static unsigned int methods(struct kftp_session *s)
{
	unsigned int all = 0;

	if (s->config->arg.data_mode != KFTP_DATA_ACTIVE)
		all |= passive_methods;
	if (s->config->arg.events & KFTP_WANT_DATA)	/* the caller connects */
		return passive_methods;
	if (s->config->arg.data_mode != KFTP_DATA_PASSIVE)
		all |= active_methods;
	if (s->info.peer.family != AF_INET)	/* PASV and PORT carry IPv4 only */
		all &= ~(BIT(KFTP_PASV) | BIT(KFTP_PORT));
	return all;
}

static unsigned int methods_left(struct kftp_session *s, const struct kftp_request *q)
{
	return methods(s) & ~s->refused & ~q->tried;
}

/* Remembered for the session, and shown to the caller, who may tell the next one. */
static void set_refused(struct kftp_session *s, unsigned int refused)
{
	s->refused = refused;
	spin_lock(&s->lock);
	s->info.methods_off = refused;
	spin_unlock(&s->lock);
}

/* Begin again with what the caller knows. */
void kftp_data_forget(struct kftp_session *s)
{
	set_refused(s, s->config->arg.methods_off);
}

void kftp_data_close(struct kftp_session *s)
{
	const struct kftp_request *q = s->current_request;
	bool cut_short = q && q->op->flags & KFTP_UPLOADS && (!q->data_ended || q->data_error);

	kftp_adopt_stop(s);
	kftp_tls_stop(s);
	kftp_conn_reset(&s->data, cut_short);
	kftp_conn_close(&s->listener);
	kftp_conn_close(&s->source);
}

/*
 * A method has failed, with the reply r or for itself: try the next one, or end the request.
 * Return: 0, or an error that ends the session.
 */
int kftp_data_failed(struct kftp_session *s, int error, const struct kftp_reply *r)
{
	struct kftp_request *q = s->current_request;

	trace_kftp_data(s->id, q->method, error, &q->result);
	kftp_data_close(s);
	set_refused(s, s->refused | BIT(q->method));
	if (!r && !q->open_error)
		q->open_error = error;
	if (methods_left(s, q))
		return kftp_data_open(s, q);
	/* the next request starts afresh with what this one has tried */
	set_refused(s, s->refused & ~q->tried);
	/* a port that could not be reached says more than a refusal of what was tried instead */
	if (q->open_error)
		kftp_request_done(s, q->open_error, NULL);
	else
		kftp_request_done(s, error, r);
	return 0;
}

static int connect_passive(struct kftp_session *s, struct kftp_request *q)
{
	struct kftp_addr peer = s->info.peer, local = s->info.local;
	unsigned long timeout = s->config->connect_timeout;
	int r;

	if (q->port < LOWEST_PORT && !(s->config->arg.flags & KFTP_CONNECT_LOW_PORTS))
		return kftp_data_failed(s, -EPROTO, NULL);
	peer.port = htons(q->port);
	local.port = 0;
	q->result.peer = peer;
	r = kftp_conn_open(s, &s->data, peer.family);
	if (!r && s->config->arg.source.family)
		r = kftp_conn_bind(&s->data, &local);
	if (r) {	/* our own trouble: another method would not help */
		kftp_request_done(s, r, NULL);
		return 0;
	}
	kftp_session_enter(s, KFTP_STATE_OPENING);
	/* firewalls that know one method drop the other: leave time for it */
	kftp_session_set_deadline(s, methods_left(s, q) ? timeout / 2 : timeout);
	r = kftp_conn_connect(&s->data, &peer);
	return r < 0 ? kftp_data_failed(s, r, NULL) : 0;
}

/* The caller is to connect, to the address if the server gave one. */
static int want_passive(struct kftp_session *s, struct kftp_request *q, const u8 addr[4])
{
	struct kftp_addr *peer = &q->result.peer;

	if (q->method == KFTP_PASV) {
		peer->family = AF_INET;
		memcpy(peer->addr, addr, 4);
	}
	peer->port = htons(q->port);
	kftp_session_enter(s, KFTP_STATE_OPENING);
	kftp_session_set_deadline(s, s->config->connect_timeout);
	kftp_adopt_want(s, KFTP_ROLE_DATA);
	s->event.type = KFTP_EVENT_DATA_WANTED;
	return 0;
}

/* Passive: where the server listens. Active: it will dial when it gets the transfer command. */
static int on_method(struct kftp_session *s, const struct kftp_reply *r)
{
	struct kftp_request *q = s->current_request;
	int error = 0;
	u8 addr[4] = {};

	if (r->code / 100 != 2)
		error = -EREMOTEIO;
	else if (q->method == KFTP_EPSV)
		error = r->code != 229 ? -EPROTO :
			kftp_parse_epsv(r->text, r->text_len, &q->port);
	else if (q->method == KFTP_PASV)
		error = r->code != 227 ? -EPROTO :
			kftp_parse_pasv(r->text, r->text_len, addr, &q->port);
	if (error)
		return kftp_data_failed(s, error, r);
	if (q->result.active)
		return kftp_request_advance(s);
	return s->config->arg.events & KFTP_WANT_DATA ? want_passive(s, q, addr) :
						    connect_passive(s, q);
}

static int listen_active(struct kftp_session *s, struct kftp_request *q)
{
	struct kftp_addr local = s->info.local;
	int r;

	local.port = 0;
	r = kftp_conn_open(s, &s->listener, local.family);
	if (!r)
		r = kftp_conn_bind(&s->listener, &local);
	if (!r)
		r = kftp_conn_listen(&s->listener);
	if (!r)
		r = kftp_conn_name(&s->listener, &q->result.local, false);
	return r;
}

/* RFC 2428 section 2: |1|address|port|; RFC 959 section 4.1.2: h1,h2,h3,h4,p1,p2 */
static int send_active(struct kftp_session *s, struct kftp_request *q)
{
	const struct kftp_addr *local = &q->result.local;
	u16 port = ntohs(local->port);
	char arg[64];
	int n;

	if (q->method == KFTP_PORT) {
		n = scnprintf(arg, sizeof(arg), "%u,%u,%u,%u,%u,%u", local->addr[0],
			      local->addr[1], local->addr[2], local->addr[3],
			      port >> 8, port & 255);
		return kftp_control_command(s, on_method, "PORT", arg, n);
	}
	if (local->family == AF_INET6)
		n = scnprintf(arg, sizeof(arg), "|2|%pI6c|%u|", local->addr, port);
	else
		n = scnprintf(arg, sizeof(arg), "|1|%pI4|%u|", local->addr, port);
	return kftp_control_command(s, on_method, "EPRT", arg, n);
}

static int on_announced(struct kftp_session *s, const struct kftp_reply *r)
{
	return kftp_request_advance(s);
}

/*
 * draft-dd-pret: servers that are many machines want to know what the data connection will be for.
 * Pure-FTPd lists it and has no use for it.
 */
int kftp_data_announce(struct kftp_session *s, struct kftp_request *q)
{
	char verb[12];

	if (!(s->info.feat & KFTP_FEAT_PRET) ||
	    strnstr(s->info.banner, "Pure-FTPd", s->info.banner_len))
		return 1;
	scnprintf(verb, sizeof(verb), "PRET %s", q->op->verb);
	return kftp_control_command(s, on_announced, verb, q->arg.path_len ? q->path : NULL,
				    q->arg.path_len);
}

/* The step of a request that opens its data connection, by the first method that is left. */
int kftp_data_open(struct kftp_session *s, struct kftp_request *q)
{
	unsigned int left;
	int r;

	if (!methods_left(s, q))	/* the caller has ruled them all out */
		set_refused(s, 0);
	left = methods_left(s, q);
	if (s->config->arg.data_mode == KFTP_DATA_ACTIVE_FIRST && left & active_methods)
		left &= active_methods;
	q->method = __ffs(left);
	q->tried |= BIT(q->method);
	q->result.active = active_methods & BIT(q->method);
	memset(&q->result.local, 0, sizeof(q->result.local));
	memset(&q->result.peer, 0, sizeof(q->result.peer));
	kftp_session_enter(s, KFTP_STATE_COMMAND);
	if (!q->result.active)
		return kftp_control_command(s, on_method, q->method == KFTP_EPSV ? "EPSV" : "PASV",
					    NULL, 0);
	r = listen_active(s, q);
	if (!r)
		return send_active(s, q);
	kftp_request_done(s, r, NULL);
	return 0;
}

/* Passive: is it connected? Return: 1, -EAGAIN, or an error that ends the session. */
int kftp_data_opened(struct kftp_session *s)
{
	struct kftp_request *q = s->current_request;
	int r;

	r = s->data.file ? 1 : kftp_adopt_take(s, &s->data);
	if (r > 0)
		r = kftp_conn_is_up(&s->data);
	if (!r)
		return -EAGAIN;
	if (r > 0)
		r = kftp_conn_name(&s->data, &q->result.local, false) ?:
		    kftp_conn_name(&s->data, &q->result.peer, true);
	if (r < 0) {
		r = kftp_data_failed(s, r, NULL);
		return r ?: 1;
	}
	trace_kftp_data(s->id, q->method, 0, &q->result);
	kftp_session_enter(s, KFTP_STATE_COMMAND);
	r = kftp_request_advance(s);
	return r ?: 1;
}

/*
 * Active: has the server dialled in? The address is checked, the port is not: RFC 959 wants 20,
 * many servers use any. Return: 1, -EAGAIN, or an error of this data connection.
 */
int kftp_data_accept(struct kftp_session *s, struct kftp_request *q)
{
	int r;

	for (;;) {
		r = kftp_conn_accept(&s->listener, &s->data);
		if (r && r != -ECONNABORTED)
			return r;
		if (!r && !kftp_conn_name(&s->data, &q->result.peer, true) &&
		    kftp_addr_same_host(&q->result.peer, &s->info.peer))
			break;
		trace_kftp_data(s->id, q->method, -EACCES, &q->result);
		kftp_conn_reset(&s->data, true);
		if (++q->strangers > MAX_STRANGERS)
			return -EACCES;
	}
	trace_kftp_data(s->id, q->method, 0, &q->result);
	kftp_conn_close(&s->listener);
	return 1;
}
