// SPDX-License-Identifier: GPL-2.0-only
/*
 * From the greeting to a session that is ready, as a list of steps: AUTH, HOST, USER, PASS, ACCT,
 * PBSZ, PROT, FEAT, CLNT, OPTS UTF8, LANG, TYPE.
 *
 * RFC 959 section 5.4 has the replies that each may get. What only makes things better may be
 * refused.
 */
#include <linux/string.h>

#include "kftp.h"

/* RFC 1635: anonymous, and something like a mail address for a password */
static const char anonymous[] = "anonymous";
static const char anonymous_password[] = "anonymous@";

static int skip_login(struct kftp_session *s);

static int advance(struct kftp_session *s)
{
	int r;

	do {
		r = (*s->login++)(s);
	} while (r > 0);
	return r;
}

/* Whatever the server says to it. */
static int on_any(struct kftp_session *s, const struct kftp_reply *r)
{
	return advance(s);
}

static int end_login(struct kftp_session *s, int error, const struct kftp_reply *r)
{
	kftp_session_end(s, error, r);
	return 0;
}

/* ---- AUTH, PBSZ, PROT (RFC 4217) ----------------------------------------------------------- */

static enum kftp_tls_mode tls_mode(const struct kftp_session *s)
{
	return s->config->arg.tls;
}

/*
 * 334 is RFC 2228's for a protocol that goes on, which some servers take TLS for. What has come in
 * clear text behind it is not the server's: somebody would have us take it for protected.
 */
static int on_auth(struct kftp_session *s, const struct kftp_reply *r)
{
	if (r->code == 234 || r->code == 334) {
		if (s->rx_len > s->rx_used)
			return end_login(s, -EPROTO, r);
		kftp_tls_lend(s, &s->control, KFTP_ROLE_CONTROL);
		return 0;
	}
	if (!s->auth_ssl) {
		s->auth_ssl = true;
		return kftp_control_command(s, on_auth, "AUTH", "SSL", 3);
	}
	if (tls_mode(s) == KFTP_TLS_REQUIRED)
		return end_login(s, -EPROTONOSUPPORT, r);
	return s->welcome ? skip_login(s) : advance(s);
}

static int send_auth(struct kftp_session *s)
{
	if (tls_mode(s) == KFTP_TLS_NONE || tls_mode(s) == KFTP_TLS_IMPLICIT)
		return 1;
	return kftp_control_command(s, on_auth, "AUTH", "TLS", 3);
}

/*
 * The control connection was lent. An error is the caller's word: it may be -EAGAIN, too, and must
 * not be taken for our own. Return: 1, -EAGAIN, or an error that ends the session.
 */
int kftp_login_protected(struct kftp_session *s)
{
	int r = kftp_tls_take(s, &s->control);

	if (!r)
		return -EAGAIN;
	if (r < 0) {
		kftp_session_end(s, r, NULL);
		return 1;
	}
	kftp_session_set_deadline(s, s->config->reply_timeout);
	s->fragile = false;	/* who has said so was anybody */
	if (s->state == KFTP_STATE_LOGIN)
		r = advance(s);
	return r < 0 ? r : 1;
}

/* Both again, unless the caller has done it: some servers want to know first who we are. */
static int send_pbsz(struct kftp_session *s)
{
	if (!s->control.tls || s->data_private)
		return 1;
	return kftp_control_command(s, on_any, "PBSZ", "0", 1);
}

/* Of implicit TLS some servers know no other level. */
static int on_prot(struct kftp_session *s, const struct kftp_reply *r)
{
	s->data_private = r->code / 100 == 2 || tls_mode(s) == KFTP_TLS_IMPLICIT;
	if (!s->data_private && tls_mode(s) == KFTP_TLS_REQUIRED)
		return end_login(s, -EPROTONOSUPPORT, r);
	return advance(s);
}

static int send_prot(struct kftp_session *s)
{
	if (!s->control.tls || s->data_private)
		return 1;
	return kftp_control_command(s, on_prot, "PROT", "P", 1);
}

/* ---- FEAT, and what it announces ----------------------------------------------------------- */

static void on_feat_line(struct kftp_session *s, const char *line, size_t len)
{
	u64 bits = kftp_parse_feat(line, len);

	spin_lock(&s->lock);
	s->info.feat |= bits;
	spin_unlock(&s->lock);
}

static int on_feat(struct kftp_session *s, const struct kftp_reply *r)
{
	spin_lock(&s->lock);
	if (r->code == 211)
		s->info.feat |= KFTP_FEAT_ASKED;
	else
		s->info.feat = 0;
	spin_unlock(&s->lock);
	return advance(s);
}

/* RFC 2389; once, unless it was refused before login. */
static int send_feat(struct kftp_session *s)
{
	int r;

	if (s->fragile || s->info.feat & KFTP_FEAT_ASKED)
		return 1;
	r = kftp_control_command(s, on_feat, "FEAT", NULL, 0);
	s->on_line = on_feat_line;
	return r;
}

/* HOST comes before USER, so this has to come before that. */
static int send_early_feat(struct kftp_session *s)
{
	return s->config->host.data ? send_feat(s) : 1;
}

static int if_announced(struct kftp_session *s, u64 feat, const char *verb, const char *arg)
{
	if ((s->info.feat & feat) != feat)
		return 1;
	return kftp_control_command(s, on_any, verb, arg, strlen(arg));
}

/* RFC 7151 section 3; a server that does not know the name goes on as its default host. */
static int send_host(struct kftp_session *s)
{
	return s->config->host.data ?
	       if_announced(s, KFTP_FEAT_HOST, "HOST", s->config->host.data) : 1;
}

/* Some servers speak UTF-8 only with clients that have said their name. */
static int send_client(struct kftp_session *s)
{
	return if_announced(s, KFTP_FEAT_CLNT, "CLNT", "kftp");
}

/* Servers that speak UTF-8 anyway refuse it, or say 202. */
static int send_utf8(struct kftp_session *s)
{
	return if_announced(s, KFTP_FEAT_UTF8, "OPTS", "UTF8 ON");
}

/* RFC 2640 section 4: in the language in which we know what replies mean. */
static int send_language(struct kftp_session *s)
{
	return if_announced(s, KFTP_FEAT_LANG | KFTP_FEAT_LANG_FOREIGN, "LANG", "EN");
}

/* ---- USER, PASS, ACCT ---------------------------------------------------------------------- */

static int refused(struct kftp_session *s, const struct kftp_reply *r)
{
	return end_login(s, -EKEYREJECTED, r);
}

static int on_acct(struct kftp_session *s, const struct kftp_reply *r)
{
	if (r->code / 100 != 2)
		return refused(s, r);
	kftp_config_wipe(s->config);
	return advance(s);
}

static int send_acct(struct kftp_session *s, const struct kftp_reply *r)
{
	if (!s->config->account.data)
		return refused(s, r);
	return kftp_control_secret(s, on_acct, "ACCT", &s->config->account);
}

/* 202 is as good: not needed here. */
static int on_pass(struct kftp_session *s, const struct kftp_reply *r)
{
	return r->code == 332 ? send_acct(s, r) : on_acct(s, r);
}

static int send_pass(struct kftp_session *s, const struct kftp_reply *r)
{
	struct kftp_config *config = s->config;

	if (config->password.data)
		return kftp_control_secret(s, on_pass, "PASS", &config->password);
	if (config->user.data && strcmp(config->user.data, anonymous))
		return refused(s, r);
	return kftp_control_command(s, on_pass, "PASS", anonymous_password,
				    sizeof(anonymous_password) - 1);
}

/* 2xx: no password wanted. */
static int on_user(struct kftp_session *s, const struct kftp_reply *r)
{
	return r->code == 331 ? send_pass(s, r) : on_pass(s, r);
}

static int send_user(struct kftp_session *s)
{
	const struct kftp_text *user = &s->config->user;

	if (WARN_ON_ONCE(tls_mode(s) >= KFTP_TLS_REQUIRED && !s->control.tls))
		return -EPROTO;
	if (user->data)
		return kftp_control_command(s, on_user, "USER", user->data, user->len);
	return kftp_control_command(s, on_user, "USER", anonymous, sizeof(anonymous) - 1);
}

/* ---- TYPE, and the list of all steps ------------------------------------------------------- */

/* Image, as files are, or ASCII, as listings are (RFC 959 section 3.1.1). */
int kftp_login_type(struct kftp_session *s, char type, kftp_reply_fn on_reply)
{
	s->type = 0;	/* until the server has agreed, whoever takes the reply */
	return kftp_control_command(s, on_reply, "TYPE", type == 'A' ? "A" : "I", 1);
}

static int on_type(struct kftp_session *s, const struct kftp_reply *r)
{
	if (r->code / 100 != 2)
		return end_login(s, -EREMOTEIO, r);
	s->type = 'I';
	s->type_226 = r->code == 226;
	kftp_session_enter(s, KFTP_STATE_READY);
	s->event.type = KFTP_EVENT_CONNECTED;
	s->event.reply = r->code;
	s->event.text = r->text;
	s->event.text_len = r->text_len;
	return 0;
}

static int send_type(struct kftp_session *s)
{
	return kftp_login_type(s, 'I', on_type);
}

static const kftp_login_fn steps[] = {
	send_auth,
	send_early_feat,
	send_host,
	send_user,
	send_pbsz,
	send_prot,
	send_feat,
	send_client,
	send_utf8,
	send_language,
	send_type,
};

#define AFTER_USER	4

/* Nobody wants to know who we are. */
static int skip_login(struct kftp_session *s)
{
	kftp_config_wipe(s->config);
	s->login = &steps[AFTER_USER];
	return advance(s);
}

/* The first line of the greeting, which may have many, is what the server calls itself. */
void kftp_login_banner(struct kftp_session *s, const char *line, size_t len)
{
	s->on_line = NULL;
	s->fragile = strnstr(line, "NetWare", len);	/* its version 5 does not survive FEAT */
	spin_lock(&s->lock);
	s->info.banner_len = min_t(size_t, len, sizeof(s->info.banner));
	memcpy(s->info.banner, line, s->info.banner_len);
	spin_unlock(&s->lock);
}

/* The reply that comes unasked when the connection is up: 220, perhaps after a 120. */
int kftp_login_greeting(struct kftp_session *s, const struct kftp_reply *r)
{
	if (r->code / 100 == 3)
		return -EPROTO;
	if (r->code / 100 != 2)
		return end_login(s, r->code == 530 ? -EKEYREJECTED : -EREMOTEIO, r);
	kftp_session_enter(s, KFTP_STATE_LOGIN);
	s->welcome = r->code == 230;
	/* if TLS is to come yet, that is nothing to go by */
	if (s->welcome && (s->control.tls || tls_mode(s) == KFTP_TLS_NONE))
		return skip_login(s);
	s->login = steps;
	return advance(s);
}
