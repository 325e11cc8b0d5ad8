/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a server says on the control connection, as text and numbers. Pure: this file and reply.c
 * need nothing of the kernel but strings and integers, and are compiled in user space too, for
 * unit tests and fuzzing.
 */
#ifndef KFTP_REPLY_H
#define KFTP_REPLY_H

#include <linux/types.h>

#include "uapi/kftp.h"

#define KFTP_REPLY_MAX_LINES	512
#define KFTP_REPLY_MAX_BYTES	(64 * 1024)

/* A reply under construction, or complete: RFC 959 section 4.2. */
struct kftp_reply {
	u16 code;		/* 0: no line of it has come yet */
	bool complete;
	bool unlimited;		/* in lines and bytes: somebody else counts */
	u32 lines;
	u32 bytes;
	u16 text_len;
	char text[KFTP_MAX_TEXT];	/* the last line as sent, code included, without its end */
};

int kftp_line_clean(char *line, size_t len);
bool kftp_text_is_clean(const char *text, size_t len);

void kftp_reply_reset(struct kftp_reply *r);
int kftp_reply_feed(struct kftp_reply *r, const char *line, size_t len);

int kftp_parse_epsv(const char *text, size_t len, u16 *port);
int kftp_parse_pasv(const char *text, size_t len, u8 addr[4], u16 *port);
int kftp_parse_size(const char *text, size_t len, u64 *size);
int kftp_parse_announced(const char *text, size_t len, u64 *size);
int kftp_parse_mtime(const char *text, size_t len, s64 *mtime);
u64 kftp_parse_feat(const char *line, size_t len);

#endif /* KFTP_REPLY_H */
