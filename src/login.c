// SPDX-License-Identifier: GPL-2.0-only
/*
 * From the greeting to a session that is ready: USER, PASS, ACCT, FEAT, OPTS UTF8, TYPE.
 *
 * Each function takes the reply to one command and sends the next; read them from the bottom up.
 * RFC 959 section 5.4 has the replies that each may get.
 */
#include <linux/string.h>

#include "kftp.h"

/* RFC 1635: anonymous, and something like a mail address for a password */
static const char anonymous[] = "anonymous";
static const char anonymous_password[] = "anonymous@";

static int on_type(struct kftp_session *s, const struct kftp_reply *r)
{
	if (r->code / 100 != 2) {	/* some answer 226 */
		kftp_session_end(s, -EREMOTEIO, r);
		return 0;
	}
	kftp_session_enter(s, KFTP_STATE_READY);
	s->event.type = KFTP_EVENT_CONNECTED;
	s->event.reply = r->code;
	s->event.text = r->text;
	s->event.text_len = r->text_len;
	return 0;
}

/* Also takes the reply to OPTS: servers that speak UTF-8 anyway refuse it, or say 202. */
static int send_type(struct kftp_session *s, const struct kftp_reply *r)
{
	return kftp_control_command(s, on_type, "TYPE", "I", 1);
}

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
	if (r->code / 100 == 2)
		s->info.feat |= KFTP_FEAT_ASKED;
	else
		s->info.feat = 0;
	spin_unlock(&s->lock);
	if (s->info.feat & KFTP_FEAT_UTF8)
		return kftp_control_command(s, send_type, "OPTS", "UTF8 ON", 7);
	return send_type(s, r);
}

static int logged_in(struct kftp_session *s)
{
	kftp_config_wipe(s->config);
	s->on_line = on_feat_line;
	return kftp_control_command(s, on_feat, "FEAT", NULL, 0);
}

static int refused(struct kftp_session *s, const struct kftp_reply *r)
{
	kftp_session_end(s, -EKEYREJECTED, r);
	return 0;
}

static int on_acct(struct kftp_session *s, const struct kftp_reply *r)
{
	return r->code / 100 == 2 ? logged_in(s) : refused(s, r);
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

	if (user->data)
		return kftp_control_command(s, on_user, "USER", user->data, user->len);
	return kftp_control_command(s, on_user, "USER", anonymous, sizeof(anonymous) - 1);
}

/* The first line of the greeting, which may have many, is what the server calls itself. */
void kftp_login_banner(struct kftp_session *s, const char *line, size_t len)
{
	if (!len)
		return;
	s->on_line = NULL;
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
	if (r->code / 100 != 2) {
		kftp_session_end(s, r->code == 530 ? -EKEYREJECTED : -EREMOTEIO, r);
		return 0;
	}
	kftp_session_enter(s, KFTP_STATE_LOGIN);
	return r->code == 230 ? logged_in(s) : send_user(s);
}
