// SPDX-License-Identifier: GPL-2.0-only
/*
 * Parsing of what an FTP server says: lines, replies, the arguments of 213, 227 and 229, FEAT.
 *
 * Text is pointer and length, never terminated, and hostile. Nothing is allocated; every number
 * has its bounds. The file compiles in user space as well.
 */
#include <linux/ctype.h>
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/string.h>
#include <linux/types.h>

#include "reply.h"

#define TELNET_IAC	0xff
#define TELNET_WILL	0xfb	/* from here on they carry an option: RFC 854 */

/**
 * kftp_line_clean() - Undo the Telnet coding of one line, in place
 * @line: the line with its end
 * @len: its length
 *
 * The control connection speaks Telnet (RFC 959 section 4.1.3.1): commands are dropped, a doubled
 * IAC is one byte of text, CR NUL is CR. The line's end, CR LF or a bare LF, is cut off.
 *
 * Return: the new length, or -EPROTO if a NUL is left.
 */
int kftp_line_clean(char *line, size_t len)
{
	size_t in, out = 0;

	if (len && line[len - 1] == '\n')
		len--;
	for (in = 0; in < len; in++) {
		u8 c = line[in];

		if (c == TELNET_IAC && in + 1 < len) {
			c = line[++in];
			if (c != TELNET_IAC) {
				in += c >= TELNET_WILL;
				continue;
			}
		}
		if (!c && in && line[in - 1] == '\r')
			continue;
		if (!c)
			return -EPROTO;
		line[out++] = c;
	}
	while (out && line[out - 1] == '\r')
		out--;
	return out;
}

/**
 * kftp_text_is_clean() - May this text stand in a command?
 * @text: a path, a name, a password
 * @len: its length
 *
 * CR and LF would begin another command, and the other control bytes have no business there.
 *
 * Return: whether it is free of bytes below 0x20 and of 0x7f.
 */
bool kftp_text_is_clean(const char *text, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++)
		if ((u8)text[i] < 0x20 || text[i] == 0x7f)
			return false;
	return true;
}

void kftp_reply_reset(struct kftp_reply *r)
{
	r->code = 0;
	r->lines = 0;
	r->bytes = 0;
	r->complete = false;
	r->unlimited = false;
	r->text_len = 0;
}

/* The three digits at the start of a line, or 0. 6yz (RFC 2228) are never asked for. */
static unsigned int line_code(const char *line, size_t len)
{
	if (len < 3 || line[0] < '1' || line[0] > '5' || !isdigit(line[1]) || !isdigit(line[2]))
		return 0;
	return (line[0] - '0') * 100 + (line[1] - '0') * 10 + (line[2] - '0');
}

/**
 * kftp_reply_feed() - Add one line to a reply
 * @r: the reply
 * @line: the line, cleaned
 * @len: its length
 *
 * A reply of several lines ends only at its own code followed by a space (RFC 959 section 4.2):
 * its middle may begin with any digits. Empty lines before a reply are skipped.
 *
 * Return: 1 if the reply is complete, 0 if it goes on, -EPROTO if this cannot begin a reply,
 * -EMSGSIZE if it has too many lines or bytes and is limited.
 */
int kftp_reply_feed(struct kftp_reply *r, const char *line, size_t len)
{
	unsigned int code = line_code(line, len);
	bool last = code && (len == 3 || line[3] == ' ');

	r->lines++;
	r->bytes += len + 2;
	if (!r->unlimited &&
	    (r->lines > KFTP_REPLY_MAX_LINES || r->bytes > KFTP_REPLY_MAX_BYTES))
		return -EMSGSIZE;
	if (!r->code) {
		if (!len)
			return 0;
		if (!code || (len > 3 && line[3] != ' ' && line[3] != '-'))
			return -EPROTO;
		r->code = code;
	}
	if (!last || code != r->code)
		return 0;
	r->text_len = min_t(size_t, len, sizeof(r->text));
	memcpy(r->text, line, r->text_len);
	r->complete = true;
	return 1;
}

/* Read a decimal number of at most max at *p, move *p behind it. */
static int take_number(const char **p, const char *end, u64 max, u64 *value)
{
	const char *start = *p;
	u64 v = 0;

	for (; *p < end && isdigit(**p); (*p)++) {
		unsigned int digit = **p - '0';

		if (v > (max - digit) / 10)
			return -ERANGE;
		v = v * 10 + digit;
	}
	*value = v;
	return *p == start ? -EINVAL : 0;
}

/* "|||port|", or "|2|address|port|" as some send it: any delimiter (RFC 2428 section 3). */
static int epsv_at(const char *p, const char *end, u16 *port)
{
	char delim = *p++;
	u64 value;

	if (!ispunct(delim) || delim == '(' || delim == ')')
		return -EINVAL;
	if (p < end && (*p == '1' || *p == '2'))
		p++;
	if (p == end || *p++ != delim)
		return -EINVAL;
	while (p < end && (isxdigit(*p) || *p == ':' || *p == '.') && *p != delim)
		p++;
	if (p == end || *p++ != delim)
		return -EINVAL;
	if (take_number(&p, end, 65535, &value) || p == end || *p != delim || !value)
		return -EINVAL;
	*port = value;
	return 0;
}

/**
 * kftp_parse_epsv() - The port in a 229
 * @text: the reply line, code included
 * @len: its length
 * @port: where to put it, host order, never 0
 *
 * An address, if there is one, is not looked at: data connections go to the control peer.
 *
 * Return: 0 or -EPROTO.
 */
int kftp_parse_epsv(const char *text, size_t len, u16 *port)
{
	const char *p, *end = text + len;

	for (p = text + min_t(size_t, len, 3); p < end; p++)
		if (!epsv_at(p, end, port))
			return 0;
	return -EPROTO;
}

static int pasv_at(const char *p, const char *end, u8 n[6])
{
	u64 value;
	int i;

	for (i = 0; i < 6; i++) {
		if (i && (p == end || *p++ != ','))
			return -EINVAL;
		while (i && p < end && *p == ' ')
			p++;
		if (take_number(&p, end, 255, &value))
			return -EINVAL;
		n[i] = value;
	}
	return p < end && (*p == ',' || isdigit(*p)) ? -EINVAL : 0;
}

/**
 * kftp_parse_pasv() - Address and port in a 227
 * @text: the reply line, code included
 * @len: its length
 * @addr: the IPv4 address, as the server gave it
 * @port: the port, host order, never 0
 *
 * RFC 1123 section 4.1.2.6: the numbers may stand anywhere, with or without parentheses.
 *
 * Return: 0 or -EPROTO.
 */
int kftp_parse_pasv(const char *text, size_t len, u8 addr[4], u16 *port)
{
	const char *p, *end = text + len;
	u8 n[6];

	for (p = text + min_t(size_t, len, 4); p < end; p++) {
		if (!isdigit(*p) || p[-1] == ',' || isdigit(p[-1]) || pasv_at(p, end, n))
			continue;
		if (!n[4] && !n[5])
			return -EPROTO;
		memcpy(addr, n, 4);
		*port = n[4] << 8 | n[5];
		return 0;
	}
	return -EPROTO;
}

/* The last word of a reply, without the code; true if it is all digits up to a dot. */
static bool last_number(const char *text, size_t len, const char **start, const char **end)
{
	const char *p, *first = text + min_t(size_t, len, 4), *e = text + len;

	while (e > first && (e[-1] == ' ' || e[-1] == '\t'))
		e--;
	for (p = e; p > first && p[-1] != ' ' && p[-1] != '\t'; p--)
		;
	*start = p;
	while (p < e && isdigit(*p))
		p++;
	*end = p;
	return p > *start && (p == e || *p == '.');
}

/**
 * kftp_parse_size() - The size in a 213 (RFC 3659 section 4)
 * @text: the reply line, code included
 * @len: its length
 * @size: where to put it, at most S64_MAX
 *
 * Some servers put words before the number, so it is taken from the end.
 *
 * Return: 0 or -EPROTO.
 */
int kftp_parse_size(const char *text, size_t len, u64 *size)
{
	const char *p, *end;

	if (!last_number(text, len, &p, &end) || (end < text + len && *end == '.'))
		return -EPROTO;
	return take_number(&p, end, S64_MAX, size) ? -EPROTO : 0;
}

/**
 * kftp_parse_announced() - The size in a 150, by custom in parentheses at its end
 * @text: the reply line, code included
 * @len: its length
 * @size: where to put it, at most S64_MAX
 *
 * Return: 0, or -EPROTO if there is none.
 */
int kftp_parse_announced(const char *text, size_t len, u64 *size)
{
	const char *p = text + len, *end = p;

	while (p > text && p[-1] != '(')
		p--;
	if (p == text || take_number(&p, end, S64_MAX, size))
		return -EPROTO;
	return end - p >= 7 && !strncasecmp(p, " bytes)", 7) ? 0 : -EPROTO;
}

/* Days from 1970-01-01 in the Gregorian calendar; years are counted from March. */
static s64 days_since_1970(s64 year, unsigned int month, unsigned int day)
{
	unsigned int m = month > 2 ? month - 3 : month + 9;
	s64 y = month > 2 ? year : year - 1;

	return y * 365 + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 1 - 719468;
}

static unsigned int two_digits(const char *p)
{
	return (p[0] - '0') * 10 + (p[1] - '0');
}

/**
 * kftp_parse_mtime() - The time in a 213 (RFC 3659 section 2.3)
 * @text: the reply line, code included
 * @len: its length
 * @mtime: seconds since 1970, UTC; a fraction is dropped
 *
 * A year of 19100 + n is 2000 + n, from servers that print "19" and a number.
 *
 * Return: 0 or -EPROTO.
 */
int kftp_parse_mtime(const char *text, size_t len, s64 *mtime)
{
	unsigned int month, day, hour, minute, second;
	const char *p, *end;
	s64 year;

	if (!last_number(text, len, &p, &end))
		return -EPROTO;
	if (end - p == 15 && !memcmp(p, "191", 3)) {
		year = 2000 + two_digits(p + 3);
		p++;
	} else if (end - p == 14) {
		year = two_digits(p) * 100 + two_digits(p + 2);
	} else {
		return -EPROTO;
	}
	month = two_digits(p + 4);
	day = two_digits(p + 6);
	hour = two_digits(p + 8);
	minute = two_digits(p + 10);
	second = two_digits(p + 12);
	if (!year || !month || month > 12 || !day || day > 31 || hour > 23 || minute > 59 ||
	    second > 60)
		return -EPROTO;
	*mtime = ((days_since_1970(year, month, day) * 24 + hour) * 60 + minute) * 60 + second;
	return 0;
}

/* Does the line begin with these words, whole, in any case? */
static bool begins_with(const char *line, size_t len, const char *words)
{
	size_t n = strlen(words);

	return len >= n && !strncasecmp(line, words, n) &&
	       (len == n || !(isalnum(line[n]) || line[n] == '-'));
}

/* Is the word in the list after the first space: "HASH SHA-1;SHA-256*" */
static bool lists(const char *line, size_t len, const char *word)
{
	size_t i;

	for (i = 1; i < len; i++)
		if ((line[i - 1] == ' ' || line[i - 1] == ';' || line[i - 1] == ',') &&
		    begins_with(line + i, len - i, word))
			return true;
	return false;
}

#define PLAIN(name)	{ #name, NULL, KFTP_FEAT_##name }

static const struct {
	const char *words;
	const char *listed;
	u64 bit;
} features[] = {
	PLAIN(SIZE), PLAIN(MDTM), PLAIN(EPSV), PLAIN(EPRT), PLAIN(MLST), PLAIN(MFMT), PLAIN(MFF),
	PLAIN(UTF8), PLAIN(TVFS), PLAIN(CLNT), PLAIN(HOST), PLAIN(PRET), PLAIN(LANG), PLAIN(PBSZ),
	PLAIN(PROT), PLAIN(HASH), PLAIN(XCRC), PLAIN(XMD5), PLAIN(XSHA), PLAIN(XSHA256),
	PLAIN(XSHA512),
	{ "MLSD", NULL, KFTP_FEAT_MLST },
	{ "XSHA1", NULL, KFTP_FEAT_XSHA },
	{ "REST STREAM", NULL, KFTP_FEAT_REST },
	{ "RANG STREAM", NULL, KFTP_FEAT_RANG },
	{ "MODE Z", NULL, KFTP_FEAT_MODE_Z },
	{ "AUTH", "TLS", KFTP_FEAT_AUTH_TLS },
	{ "AUTH", "TLS-C", KFTP_FEAT_AUTH_TLS },
	{ "AUTH", "SSL", KFTP_FEAT_AUTH_SSL },
	{ "HASH", "SHA-1", KFTP_FEAT_HASH_SHA1 },
	{ "HASH", "SHA-256", KFTP_FEAT_HASH_SHA256 },
	{ "HASH", "SHA-512", KFTP_FEAT_HASH_SHA512 },
	{ "HASH", "MD5", KFTP_FEAT_HASH_MD5 },
	{ "HASH", "CRC32", KFTP_FEAT_HASH_CRC32 },
};

/* RFC 2640 section 4.3: "LANG en;fr*", where the asterisk marks the one in use */
static bool foreign_in_use(const char *line, size_t len)
{
	size_t i, start = 0;
	bool in_use = false;

	if (!begins_with(line, len, "LANG") || !lists(line, len, "EN"))
		return false;
	for (i = 0; i < len; i++) {
		if (line[i] == ' ' || line[i] == ';')
			start = i + 1;
		else if (line[i] == '*')
			in_use = len - start > 2 && strncasecmp(line + start, "en", 2);
	}
	return in_use;
}

/**
 * kftp_parse_feat() - What one line of the reply to FEAT announces (RFC 2389 section 3.2)
 * @line: the line, cleaned; some servers begin each with "211-" instead of a space
 * @len: its length
 *
 * Return: KFTP_FEAT_* bits, 0 for what is not known.
 */
u64 kftp_parse_feat(const char *line, size_t len)
{
	u64 bits = 0;
	size_t i;

	if (len >= 4 && !memcmp(line, "211", 3) && (line[3] == '-' || line[3] == ' ')) {
		line += 4;
		len -= 4;
	}
	while (len && *line == ' ') {
		line++;
		len--;
	}
	for (i = 0; i < ARRAY_SIZE(features); i++)
		if (begins_with(line, len, features[i].words) &&
		    (!features[i].listed || lists(line, len, features[i].listed)))
			bits |= features[i].bit;
	return bits | (foreign_in_use(line, len) ? KFTP_FEAT_LANG_FOREIGN : 0);
}
