/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Tracepoints kftp:*. Of a command the verb is traced and the argument's length, never the
 * argument; of a password not even the length. No __string(): its macros have changed between
 * versions.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM kftp

#if !defined(KFTP_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define KFTP_TRACE_H

#include <linux/in6.h>
#include <linux/tracepoint.h>

#include "kftp.h"

#define KFTP_TRACE_TEXT		64
#define KFTP_TRACE_VERB		8

#define kftp_show_state(state)						\
	__print_symbolic(state,						\
		{ KFTP_STATE_NEW, "new" },				\
		{ KFTP_STATE_ARMED, "armed" },				\
		{ KFTP_STATE_CONNECTING, "connecting" },		\
		{ KFTP_STATE_GREETING, "greeting" },			\
		{ KFTP_STATE_LOGIN, "login" },				\
		{ KFTP_STATE_READY, "ready" },				\
		{ KFTP_STATE_COMMAND, "command" },			\
		{ KFTP_STATE_OPENING, "opening" },			\
		{ KFTP_STATE_TRANSFER, "transfer" },			\
		{ KFTP_STATE_FINISHING, "finishing" },			\
		{ KFTP_STATE_ABORTING, "aborting" },			\
		{ KFTP_STATE_QUITTING, "quitting" },			\
		{ KFTP_STATE_CLOSED, "closed" })

#define kftp_show_method(method)					\
	__print_symbolic(method,					\
		{ KFTP_EPSV, "EPSV" },					\
		{ KFTP_PASV, "PASV" },					\
		{ KFTP_EPRT, "EPRT" },					\
		{ KFTP_PORT, "PORT" })

TRACE_EVENT(kftp_command,
	TP_PROTO(u32 session, const char *verb, size_t arg_len),
	TP_ARGS(session, verb, arg_len),
	TP_STRUCT__entry(
		__field(u32, session)
		__field(u32, arg_len)
		__array(char, verb, KFTP_TRACE_VERB)
	),
	TP_fast_assign(
		__entry->session = session;
		__entry->arg_len = arg_len;
		strscpy_pad(__entry->verb, verb, KFTP_TRACE_VERB);
	),
	TP_printk("session=%u verb=%s arg_len=%u", __entry->session, __entry->verb,
		  __entry->arg_len)
);

TRACE_EVENT(kftp_reply,
	TP_PROTO(u32 session, const struct kftp_reply *reply),
	TP_ARGS(session, reply),
	TP_STRUCT__entry(
		__field(u32, session)
		__field(u16, code)
		__field(u16, lines)
		__field(u32, len)
		__array(char, text, KFTP_TRACE_TEXT)
	),
	TP_fast_assign(
		__entry->session = session;
		__entry->code = reply->code;
		__entry->lines = reply->lines;
		__entry->len = min_t(u32, reply->text_len, KFTP_TRACE_TEXT);
		memcpy(__entry->text, reply->text, __entry->len);
	),
	TP_printk("session=%u code=%u lines=%u text=\"%*pE\"", __entry->session, __entry->code,
		  __entry->lines, (int)__entry->len, __entry->text)
);

TRACE_EVENT(kftp_state,
	TP_PROTO(u32 session, int from, int to),
	TP_ARGS(session, from, to),
	TP_STRUCT__entry(
		__field(u32, session)
		__field(int, from)
		__field(int, to)
	),
	TP_fast_assign(
		__entry->session = session;
		__entry->from = from;
		__entry->to = to;
	),
	TP_printk("session=%u %s -> %s", __entry->session, kftp_show_state(__entry->from),
		  kftp_show_state(__entry->to))
);

TRACE_EVENT(kftp_data,
	TP_PROTO(u32 session, int method, int error, const struct kftp_result *result),
	TP_ARGS(session, method, error, result),
	TP_STRUCT__entry(
		__field(u32, session)
		__field(int, method)
		__field(int, error)
		__array(__u8, local, sizeof(struct sockaddr_in6))
		__array(__u8, peer, sizeof(struct sockaddr_in6))
	),
	TP_fast_assign(
		struct sockaddr_storage ss;

		__entry->session = session;
		__entry->method = method;
		__entry->error = error;
		kftp_addr_to_sockaddr(&result->local, &ss);
		memcpy(__entry->local, &ss, sizeof(struct sockaddr_in6));
		kftp_addr_to_sockaddr(&result->peer, &ss);
		memcpy(__entry->peer, &ss, sizeof(struct sockaddr_in6));
	),
	TP_printk("session=%u method=%s error=%d local=%pISpc peer=%pISpc", __entry->session,
		  kftp_show_method(__entry->method), __entry->error, __entry->local,
		  __entry->peer)
);

TRACE_EVENT(kftp_done,
	TP_PROTO(u32 session, u32 op, u64 user_data, const struct kftp_result *result),
	TP_ARGS(session, op, user_data, result),
	TP_STRUCT__entry(
		__field(u32, session)
		__field(u32, op)
		__field(u64, user_data)
		__field(int, error)
		__field(u16, reply)
		__field(u64, bytes)
		__field(u64, nsec)
	),
	TP_fast_assign(
		__entry->session = session;
		__entry->op = op;
		__entry->user_data = user_data;
		__entry->error = result->end.error;
		__entry->reply = result->end.reply;
		__entry->bytes = result->bytes;
		__entry->nsec = result->nsec;
	),
	TP_printk("session=%u op=%u user_data=%llu error=%d reply=%u bytes=%llu nsec=%llu",
		  __entry->session, __entry->op, __entry->user_data, __entry->error,
		  __entry->reply, __entry->bytes, __entry->nsec)
);

#endif /* KFTP_TRACE_H */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
