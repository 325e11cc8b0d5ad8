// SPDX-License-Identifier: GPL-2.0-only
/*
 * Requests whose result is a reply, the questions that a transfer begins with, and the table of all
 * requests, each as the list of its steps.
 */
#include <linux/ctype.h>
#include <linux/time.h>

#include "kftp.h"

/* ---- one command, one reply ---------------------------------------------------------------- */

/* A request whose whole result is one reply. 3xx asks for more, which only RAW may leave open. */
static int on_result(struct kftp_session *s, const struct kftp_reply *r)
{
	bool open = r->code / 100 == 3 && s->current_request->arg.op == KFTP_OP_RAW;

	kftp_request_done(s, r->code / 100 == 2 || open ? 0 : -EREMOTEIO, r);
	return 0;
}

/* An answer that only matters if it is a refusal. */
static int on_step(struct kftp_session *s, const struct kftp_reply *r)
{
	return r->code / 100 <= 3 ? kftp_request_advance(s) : on_result(s, r);
}

static int simple(struct kftp_session *s, struct kftp_request *q)
{
	return kftp_control_command(s, on_result, q->op->verb, q->arg.path_len ? q->path : NULL,
				    q->arg.path_len);
}

/* The lines of the reply are the listing. */
static int listing(struct kftp_session *s, struct kftp_request *q)
{
	int r = simple(s, q);

	s->on_line = kftp_control_listing;
	s->listing = true;
	return r;
}

static int rename_from(struct kftp_session *s, struct kftp_request *q)
{
	return kftp_control_command(s, on_step, "RNFR", q->path, q->arg.path_len);
}

static int rename_to(struct kftp_session *s, struct kftp_request *q)
{
	return kftp_control_command(s, on_result, "RNTO", q->path + q->arg.path_len,
				    q->arg.path2_len);
}

static int chmod(struct kftp_session *s, struct kftp_request *q)
{
	char verb[24];

	scnprintf(verb, sizeof(verb), "SITE CHMOD %03o", q->arg.mode);
	return kftp_control_command(s, on_result, verb, q->path, q->arg.path_len);
}

static int on_quit(struct kftp_session *s, const struct kftp_reply *r)
{
	kftp_request_done(s, 0, r);
	kftp_session_end(s, 0, r);
	return 0;
}

static int quit(struct kftp_session *s, struct kftp_request *q)
{
	kftp_session_enter(s, KFTP_STATE_QUITTING);
	return kftp_control_command(s, on_quit, q->op->verb, NULL, 0);
}

/* What would ruin a session that somebody else keeps the books of: login, TLS, data, type. */
static const char * const own_commands[] = {
	"USER", "PASS", "ACCT", "REIN", "QUIT", "HOST", "AUTH", "ADAT", "PBSZ", "PROT", "CCC",
	"MIC", "CONF", "ENC", "SSCN", "CPSV", "PORT", "PASV", "EPRT", "EPSV", "SPSV", "LPRT",
	"LPSV", "TYPE", "STRU", "MODE", "REST", "RANG", "PRET", "RETR", "STOR", "STOU", "APPE",
	"LIST", "NLST", "MLSD", "ABOR",
};

/* May it be sent as it is? It has to begin with a word that is none of our own commands. */
bool kftp_raw_is_allowed(const char *line, size_t len)
{
	size_t n, i;

	/* ASCII's letters: Telnet's commands are letters in Latin-1 */
	for (n = 0; n < len && isascii(line[n]) && isalpha(line[n]); n++)
		;
	if (!n || (n < len && line[n] != ' '))
		return false;
	for (i = 0; i < ARRAY_SIZE(own_commands); i++)
		if (strlen(own_commands[i]) == n && !strncasecmp(line, own_commands[i], n))
			return false;
	return true;
}

/* ---- SIZE, MDTM ---------------------------------------------------------------------------- */

/* RFC 3659 section 4 and RFC 959 section 3.1.1: sizes and offsets are those of TYPE I. */
static int on_type(struct kftp_session *s, const struct kftp_reply *r)
{
	if (r->code / 100 == 2)
		s->type = s->current_request->op->flags & KFTP_ASCII ? 'A' : 'I';
	return on_step(s, r);
}

static int set_type(struct kftp_session *s, struct kftp_request *q)
{
	char type = q->op->flags & KFTP_ASCII ? 'A' : 'I';

	return s->type == type ? 1 : kftp_login_type(s, type, on_type);
}

/*
 * SIZE or MDTM has been answered. Before a transfer a refusal is no failure: the transfer's own
 * reply says better what is wrong. An answer that tells nothing is -EPROTO if nothing else was
 * asked for.
 */
static int answered(struct kftp_session *s, const struct kftp_reply *r, bool known)
{
	if (s->current_request->op->flags & KFTP_NEEDS_FILE)
		return kftp_request_advance(s);
	if (r->code / 100 == 2 && !known) {
		kftp_request_done(s, -EPROTO, r);
		return 0;
	}
	return on_result(s, r);
}

static int on_size(struct kftp_session *s, const struct kftp_reply *r)
{
	struct kftp_result *result = &s->current_request->result;

	result->has_size = r->code == 213 &&
			   !kftp_parse_size(r->text, r->text_len, &result->size);
	return answered(s, r, result->has_size);
}

static int ask_size(struct kftp_session *s, struct kftp_request *q)
{
	if (q->file && !(q->arg.flags & (KFTP_SUBMIT_ASK_SIZE | KFTP_SUBMIT_EXPECT_SIZE)))
		return 1;
	return kftp_control_command(s, on_size, "SIZE", q->path, q->arg.path_len);
}

static int on_mtime(struct kftp_session *s, const struct kftp_reply *r)
{
	struct kftp_result *result = &s->current_request->result;

	result->has_mtime = r->code == 213 &&
			    !kftp_parse_mtime(r->text, r->text_len, &result->mtime);
	return answered(s, r, result->has_mtime);
}

/* "MDTM 20240101000000 name" does not ask some servers for a time, it makes them set it. */
static bool would_set_mtime(const struct kftp_request *q)
{
	u32 i;

	for (i = 0; i < q->arg.path_len && isdigit(q->path[i]); i++)
		;
	return i && i < q->arg.path_len && q->path[i] == ' ';
}

static int ask_mtime(struct kftp_session *s, struct kftp_request *q)
{
	if (q->file && !(q->arg.flags & (KFTP_SUBMIT_ASK_MTIME | KFTP_SUBMIT_EXPECT_MTIME)))
		return 1;
	if (!would_set_mtime(q))
		return kftp_control_command(s, on_mtime, "MDTM", q->path, q->arg.path_len);
	if (q->file)
		return 1;	/* unknown, then */
	kftp_request_done(s, -EINVAL, NULL);
	return 0;
}

/* Is it the file that the caller has a part of? What is not known is not the same. */
static int check_expected(struct kftp_session *s, struct kftp_request *q)
{
	const struct kftp_result *result = &q->result;
	bool same = true;

	if (q->arg.flags & KFTP_SUBMIT_EXPECT_SIZE)
		same &= result->has_size && result->size == q->arg.expect_size;
	if (q->arg.flags & KFTP_SUBMIT_EXPECT_MTIME)
		same &= result->has_mtime && result->mtime == q->arg.expect_mtime;
	if (same)
		return 1;
	kftp_request_done(s, -ESTALE, NULL);
	return 0;
}

/* ---- MFMT and what came before it ---------------------------------------------------------- */

/* In the order in which they are tried; what FEAT has to list, it is believed about. */
static const struct {
	const char *verb;		/* what stands before the path */
	const char *end;		/* behind the time; NULL: times follow the path */
	u64 feat;			/* 0: servers do not list it */
} mtime_forms[] = {
	{ "MFMT ", "", KFTP_FEAT_MFMT },
	{ "MFF modify=", ";", KFTP_FEAT_MFF },
	{ "SITE UTIME ", "", 0 },
	{ "SITE UTIME", NULL, 0 },
	{ "MDTM ", "", 0 },
};

static int set_mtime(struct kftp_session *s, struct kftp_request *q);

/* Not known here, or not in this form: the next one. */
static int on_set_mtime(struct kftp_session *s, const struct kftp_reply *r)
{
	struct kftp_request *q = s->current_request;

	if (r->code < 500 || r->code > 504 || r->code == 503)
		return on_result(s, r);
	s->mfmt_off |= BIT(q->attempt);
	kftp_request_note_reply(&q->result.end, r);
	return set_mtime(s, q);
}

static bool form_is_off(const struct kftp_session *s, unsigned int form)
{
	u64 feat = mtime_forms[form].feat;

	return s->fragile || s->mfmt_off & BIT(form) ||
	       (feat && s->info.feat & KFTP_FEAT_ASKED && !(s->info.feat & feat));
}

static int set_mtime(struct kftp_session *s, struct kftp_request *q)
{
	char time[32], verb[64], after[3 * sizeof(time)] = "";
	struct tm tm;

	time64_to_tm(q->arg.mtime, 0, &tm);
	while (q->attempt < ARRAY_SIZE(mtime_forms) && form_is_off(s, q->attempt))
		q->attempt++;
	if (q->attempt == ARRAY_SIZE(mtime_forms) || tm.tm_year < 0 || tm.tm_year > 8099) {
		kftp_request_done(s, -EOPNOTSUPP, NULL);
		return 0;
	}
	scnprintf(time, sizeof(time), "%04ld%02d%02d%02d%02d%02d", tm.tm_year + 1900,
		  tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec);
	if (mtime_forms[q->attempt].end)
		scnprintf(verb, sizeof(verb), "%s%s%s", mtime_forms[q->attempt].verb, time,
			  mtime_forms[q->attempt].end);
	else	/* access, modification, change */
		scnprintf(after, sizeof(after), " %s %s %s UTC", time, time, time);
	return kftp_control_command_with(s, on_set_mtime,
					 *after ? mtime_forms[q->attempt].verb : verb,
					 q->path, q->arg.path_len, after);
}

/* ---- HASH and its kin ---------------------------------------------------------------------- */

/* draft-bryan-ftpext-hash, and what servers had before it */
static const struct {
	u64 hash_feat;
	const char *name;
	u64 own_feat;
	const char *own;
} digests[] = {
	[KFTP_DIGEST_SHA256] = { KFTP_FEAT_HASH_SHA256, "HASH SHA-256", KFTP_FEAT_XSHA256,
				 "XSHA256" },
	[KFTP_DIGEST_SHA512] = { KFTP_FEAT_HASH_SHA512, "HASH SHA-512", KFTP_FEAT_XSHA512,
				 "XSHA512" },
	[KFTP_DIGEST_SHA1] = { KFTP_FEAT_HASH_SHA1, "HASH SHA-1", KFTP_FEAT_XSHA, "XSHA" },
	[KFTP_DIGEST_MD5] = { KFTP_FEAT_HASH_MD5, "HASH MD5", KFTP_FEAT_XMD5, "XMD5" },
	[KFTP_DIGEST_CRC32] = { KFTP_FEAT_HASH_CRC32, "HASH CRC32", KFTP_FEAT_XCRC, "XCRC" },
};

/* Which algorithm HASH is to use. */
static int choose_digest(struct kftp_session *s, struct kftp_request *q)
{
	const char *name = digests[q->arg.digest].name;

	if (!(s->info.feat & digests[q->arg.digest].hash_feat))
		return 1;
	return kftp_control_command(s, on_step, "OPTS", name, strlen(name));
}

static int ask_digest(struct kftp_session *s, struct kftp_request *q)
{
	const char *verb = digests[q->arg.digest].own;

	if (s->info.feat & digests[q->arg.digest].hash_feat) {
		verb = "HASH";
	} else if (!(s->info.feat & digests[q->arg.digest].own_feat)) {
		kftp_request_done(s, -EOPNOTSUPP, NULL);
		return 0;
	}
	return kftp_control_command(s, on_result, verb, q->path, q->arg.path_len);
}

/* ---- the table ----------------------------------------------------------------------------- */

static const kftp_step_fn simple_steps[] = { simple };
static const kftp_step_fn listing_steps[] = { listing };
static const kftp_step_fn size_steps[] = { set_type, ask_size };
static const kftp_step_fn mdtm_steps[] = { ask_mtime };
static const kftp_step_fn mfmt_steps[] = { set_mtime };
static const kftp_step_fn rename_steps[] = { rename_from, rename_to };
static const kftp_step_fn chmod_steps[] = { chmod };
static const kftp_step_fn hash_steps[] = { set_type, choose_digest, ask_digest };
static const kftp_step_fn quit_steps[] = { quit };
static const kftp_step_fn transfer_steps[] = {
	set_type,
	ask_size,
	ask_mtime,
	check_expected,
	kftp_data_announce,
	kftp_data_open,
	kftp_transfer_restart,
	kftp_transfer_begin,
};

#define RETRIEVES	(KFTP_NEEDS_PATH | KFTP_NEEDS_FILE | KFTP_RESTARTS | KFTP_MAY_LENGTH)
#define STORES		(RETRIEVES | KFTP_UPLOADS)
#define LISTS		(KFTP_MAY_PATH | KFTP_NEEDS_FILE | KFTP_MAY_LENGTH | KFTP_LISTS)

const struct kftp_operation kftp_operations[KFTP_OP_QUIT + 1] = {
	[KFTP_OP_NOOP] = { simple_steps, "NOOP", 0 },
	[KFTP_OP_RETR] = { transfer_steps, "RETR", RETRIEVES },
	[KFTP_OP_STOR] = { transfer_steps, "STOR", STORES },
	[KFTP_OP_APPE] = { transfer_steps, "APPE", STORES },
	[KFTP_OP_STOU] = { transfer_steps, "STOU", (STORES & ~KFTP_NEEDS_PATH) | KFTP_MAY_PATH },
	[KFTP_OP_LIST] = { transfer_steps, "LIST", LISTS | KFTP_ASCII },
	[KFTP_OP_NLST] = { transfer_steps, "NLST", LISTS | KFTP_ASCII },
	[KFTP_OP_MLSD] = { transfer_steps, "MLSD", LISTS },
	[KFTP_OP_MLST] = { listing_steps, "MLST", LISTS },
	[KFTP_OP_STAT] = { listing_steps, "STAT", LISTS },
	[KFTP_OP_SIZE] = { size_steps, "SIZE", KFTP_NEEDS_PATH },
	[KFTP_OP_MDTM] = { mdtm_steps, "MDTM", KFTP_NEEDS_PATH },
	[KFTP_OP_MFMT] = { mfmt_steps, "MFMT", KFTP_NEEDS_PATH | KFTP_MAY_MTIME },
	[KFTP_OP_DELE] = { simple_steps, "DELE", KFTP_NEEDS_PATH },
	[KFTP_OP_RENAME] = { rename_steps, "RNFR", KFTP_NEEDS_PATH | KFTP_NEEDS_PATH2 },
	[KFTP_OP_MKD] = { simple_steps, "MKD", KFTP_NEEDS_PATH },
	[KFTP_OP_RMD] = { simple_steps, "RMD", KFTP_NEEDS_PATH },
	[KFTP_OP_CWD] = { simple_steps, "CWD", KFTP_NEEDS_PATH },
	[KFTP_OP_PWD] = { simple_steps, "PWD", 0 },
	[KFTP_OP_SYST] = { simple_steps, "SYST", 0 },
	[KFTP_OP_CHMOD] = { chmod_steps, "SITE CHMOD", KFTP_NEEDS_PATH | KFTP_MAY_MODE },
	[KFTP_OP_HASH] = { hash_steps, "HASH", KFTP_NEEDS_PATH | KFTP_NEEDS_DIGEST },
	[KFTP_OP_RAW] = { simple_steps, "", KFTP_NEEDS_PATH },
	[KFTP_OP_QUIT] = { quit_steps, "QUIT", 0 },
};
