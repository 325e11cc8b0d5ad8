/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * The contract of /dev/kftp: one open file is one FTP session.
 *
 * Work is done in the caller's context: KFTP_CONNECT and KFTP_SUBMIT only store, KFTP_RUN drives
 * the session until there is an event to tell. kftp(4) is the manual.
 *
 * Every structure begins with its size as the caller knows it, so that structures may grow:
 * members are only ever added at the end, and zero means what the older structure did. All
 * members have the same offset in 32-bit and 64-bit programs. Unknown flags and reserved members
 * that are not zero are refused with EINVAL. What this module does not carry out yet is refused
 * with EOPNOTSUPP; the features member of struct kftp_info tells in advance.
 */
#ifndef _UAPI_KFTP_H
#define _UAPI_KFTP_H

#include <linux/types.h>
#include <linux/ioctl.h>

#define KFTP_ABI_VERSION	1

/* Limits on what a caller may pass; all text is counted in bytes without a terminator. */
#define KFTP_MAX_CREDENTIAL	512	/* user, password, account: each */
#define KFTP_MAX_HOST		255
#define KFTP_MAX_PATH		4096
#define KFTP_MAX_QUEUE		64	/* requests that are queued, running or not yet reported */
#define KFTP_MAX_TEXT		512	/* the reply line in DONE and CLOSED */
#define KFTP_MAX_LINE		4096	/* a line of the dialogue */
#define KFTP_MAX_BANNER		128

typedef __s64 __attribute__((aligned(8))) kftp_s64;

/* An address. family 0 means "none". IPv4 stands in addr[0..3]. Both in network byte order. */
struct kftp_addr {
	__u16 family;			/* AF_INET, AF_INET6 or 0 */
	__be16 port;
	__u32 scope_id;			/* AF_INET6, link-local only */
	__u8 addr[16];
};

/* What the module can do: kftp_info.features */
#define KFTP_FEATURE_PASSIVE	(1ULL << 0)
#define KFTP_FEATURE_ACTIVE	(1ULL << 1)
#define KFTP_FEATURE_RETR	(1ULL << 2)
#define KFTP_FEATURE_STOR	(1ULL << 3)
#define KFTP_FEATURE_LIST	(1ULL << 4)
#define KFTP_FEATURE_TLS	(1ULL << 5)
#define KFTP_FEATURE_ADOPT	(1ULL << 6)
#define KFTP_FEATURE_PIPELINE	(1ULL << 7)
#define KFTP_FEATURE_DIGEST	(1ULL << 8)
#define KFTP_FEATURE_CACHE	(1ULL << 9)	/* cache policies other than the default */
#define KFTP_FEATURE_RANGE	(1ULL << 10)	/* kftp_submit.length */
#define KFTP_FEATURE_PIPE	(1ULL << 11)	/* a pipe as the source of an upload */
#define KFTP_FEATURE_RAW	(1ULL << 12)

/* What the server says it can do (FEAT, RFC 2389): kftp_info.feat */
#define KFTP_FEAT_ASKED		(1ULL << 0)	/* the server answered FEAT with a list */
#define KFTP_FEAT_SIZE		(1ULL << 1)
#define KFTP_FEAT_MDTM		(1ULL << 2)
#define KFTP_FEAT_REST		(1ULL << 3)	/* REST STREAM */
#define KFTP_FEAT_EPSV		(1ULL << 4)
#define KFTP_FEAT_EPRT		(1ULL << 5)
#define KFTP_FEAT_MLST		(1ULL << 6)
#define KFTP_FEAT_MFMT		(1ULL << 7)
#define KFTP_FEAT_MFF		(1ULL << 8)
#define KFTP_FEAT_UTF8		(1ULL << 9)
#define KFTP_FEAT_TVFS		(1ULL << 10)
#define KFTP_FEAT_CLNT		(1ULL << 11)
#define KFTP_FEAT_HOST		(1ULL << 12)
#define KFTP_FEAT_PRET		(1ULL << 13)
#define KFTP_FEAT_LANG		(1ULL << 14)
#define KFTP_FEAT_RANG		(1ULL << 15)
#define KFTP_FEAT_AUTH_TLS	(1ULL << 16)
#define KFTP_FEAT_AUTH_SSL	(1ULL << 17)
#define KFTP_FEAT_PBSZ		(1ULL << 18)
#define KFTP_FEAT_PROT		(1ULL << 19)
#define KFTP_FEAT_MODE_Z	(1ULL << 20)
#define KFTP_FEAT_LANG_FOREIGN	(1ULL << 21)	/* English is to be had and not in use */
#define KFTP_FEAT_HASH		(1ULL << 32)	/* draft-bryan-ftpext-hash, with any algorithm */
#define KFTP_FEAT_HASH_SHA1	(1ULL << 33)
#define KFTP_FEAT_HASH_SHA256	(1ULL << 34)
#define KFTP_FEAT_HASH_SHA512	(1ULL << 35)
#define KFTP_FEAT_HASH_MD5	(1ULL << 36)
#define KFTP_FEAT_HASH_CRC32	(1ULL << 37)
#define KFTP_FEAT_XCRC		(1ULL << 40)
#define KFTP_FEAT_XMD5		(1ULL << 41)
#define KFTP_FEAT_XSHA		(1ULL << 42)
#define KFTP_FEAT_XSHA256	(1ULL << 43)
#define KFTP_FEAT_XSHA512	(1ULL << 44)

/* The ways to a data connection: kftp_info.methods_off, kftp_connect.methods_off */
#define KFTP_METHOD_EPSV	(1U << 0)
#define KFTP_METHOD_PASV	(1U << 1)
#define KFTP_METHOD_EPRT	(1U << 2)
#define KFTP_METHOD_PORT	(1U << 3)

/* The state of a session, in the order in which they are passed: kftp_info.state */
enum kftp_state {
	KFTP_STATE_NEW = 0,		/* opened, not yet armed by CONNECT */
	KFTP_STATE_ARMED,		/* CONNECT stored, no RUN yet */
	KFTP_STATE_CONNECTING,		/* control connection: TCP handshake */
	KFTP_STATE_GREETING,		/* waiting for the 220 */
	KFTP_STATE_LOGIN,		/* AUTH, USER, PASS, ACCT, FEAT, OPTS, TYPE */
	KFTP_STATE_READY,		/* nothing under way */
	KFTP_STATE_COMMAND,		/* a request without a data connection, or before it */
	KFTP_STATE_OPENING,		/* data connection: EPSV, PASV, EPRT, PORT, TCP handshake */
	KFTP_STATE_TRANSFER,		/* data moves, or is about to */
	KFTP_STATE_FINISHING,		/* data has ended, the final reply has not come */
	KFTP_STATE_ABORTING,		/* a request was cancelled or failed locally */
	KFTP_STATE_QUITTING,		/* QUIT sent */
	KFTP_STATE_CLOSED,
};

struct kftp_info {
	__u32 size;			/* in: sizeof, out: bytes filled in */
	__u32 flags;			/* in: 0 */
	__u32 abi;			/* KFTP_ABI_VERSION of the module */
	__u32 state;			/* enum kftp_state */
	__aligned_u64 features;		/* KFTP_FEATURE_* */
	__aligned_u64 feat;		/* KFTP_FEAT_* */
	__u32 max_queue;
	__u32 max_path;
	__u32 max_credential;
	__u32 queued;			/* requests queued, running or not yet reported */
	struct kftp_addr local;		/* of the control connection, once connected */
	struct kftp_addr peer;
	__aligned_u64 bytes_in;		/* file bytes received */
	__aligned_u64 bytes_out;	/* file bytes sent */
	__aligned_u64 commands;
	__aligned_u64 replies;
	__aligned_u64 runs;
	__aligned_u64 sleeps;
	__u32 banner_len;
	__u32 methods_off;		/* KFTP_METHOD_* that did not work here */
	__u8 banner[KFTP_MAX_BANNER];	/* first line of the greeting; sent before AUTH */
	__u16 tls_version;		/* of the control connection, as KFTP_TLS said; 0: none */
	__u16 tls_cipher;
	__u32 tls_flags;		/* KFTP_TLS_* */
};

enum kftp_tls_mode {
	KFTP_TLS_NONE = 0,
	KFTP_TLS_OPPORTUNISTIC,		/* AUTH TLS, go on in clear text if refused */
	KFTP_TLS_REQUIRED,		/* AUTH TLS (RFC 4217), or fail */
	KFTP_TLS_IMPLICIT,
};

enum kftp_data_mode {
	KFTP_DATA_AUTO = 0,		/* passive, then active if that does not work */
	KFTP_DATA_PASSIVE,		/* EPSV (RFC 2428), then PASV */
	KFTP_DATA_ACTIVE,		/* EPRT (RFC 2428), then PORT */
	KFTP_DATA_ACTIVE_FIRST,		/* then passive if the server refuses that */
};

/* Events that come only if asked for: kftp_connect.events */
#define KFTP_WANT_LINE		(1U << 0)
#define KFTP_WANT_PROGRESS	(1U << 1)
#define KFTP_WANT_DATA		(1U << 2)	/* DATA_WANTED instead of connecting by ourselves */

/* kftp_connect.flags */
#define KFTP_CONNECT_LOW_PORTS	(1U << 0)	/* accept passive ports below 1024 */
#define KFTP_CONNECT_ADOPT	(1U << 1)	/* the control connection comes with KFTP_ADOPT */
#define KFTP_CONNECT_RAW	(1U << 2)	/* KFTP_OP_RAW is allowed */

/*
 * Arm the session; once per open file. Text is pointer and length: a null pointer means absent,
 * length 0 means empty. It is copied; PASS and ACCT are wiped after use. An absent user logs in
 * as "anonymous". The file belongs from now on to the calling process's memory, network and
 * user namespace, fsuid, fsgid and capabilities: RUN, SUBMIT, ADOPT and TLS from any other get
 * EPERM.
 */
struct kftp_connect {
	__u32 size;
	__u32 flags;			/* KFTP_CONNECT_* */
	struct kftp_addr peer;		/* family 0 with KFTP_CONNECT_ADOPT */
	struct kftp_addr source;	/* family 0: any; its port is for the control connection */
	__u32 ifindex;			/* 0: any */
	__u32 tls;			/* enum kftp_tls_mode */
	__u32 data_mode;		/* enum kftp_data_mode */
	__u32 pipelining;		/* level 0, 1 or 2 */
	__aligned_u64 user;
	__aligned_u64 password;
	__aligned_u64 account;
	__u32 user_len;
	__u32 password_len;
	__u32 account_len;
	__u32 events;			/* KFTP_WANT_* */
	__u32 connect_ms;		/* deadlines; 0: default */
	__u32 reply_ms;			/* from a command to the last line of its reply */
	__u32 data_ms;			/* between any two bytes of data */
	__u32 idle_ms;			/* nothing to do */
	__u32 abort_ms;			/* to be usable again after a cancelled request */
	__u32 progress_ms;		/* interval of PROGRESS; 0: default */
	__u32 methods_off;		/* KFTP_METHOD_* known not to work; all: none is known */
	__u32 host_len;
	__aligned_u64 host;		/* the server's name, for HOST (RFC 7151); may be absent */
	__u32 reserved[2];
};

enum kftp_role {
	KFTP_ROLE_CONTROL = 0,
	KFTP_ROLE_DATA = 1,
};

/*
 * Hand over a connected TCP socket, O_NONBLOCK and with no upper layer protocol: as the control
 * connection of a session with KFTP_CONNECT_ADOPT, or as the answer to DATA_WANTED. There fd -1
 * says that it could not be connected: the next method is tried. ESRCH: nobody waits for it.
 */
struct kftp_adopt {
	__u32 size;
	__u32 flags;			/* 0 */
	__s32 fd;
	__u32 role;			/* enum kftp_role */
	__aligned_u64 user_data;	/* of the request, for a data connection */
};

enum kftp_op {
	KFTP_OP_NOOP = 0,
	KFTP_OP_RETR,
	KFTP_OP_STOR,
	KFTP_OP_APPE,
	KFTP_OP_STOU,
	KFTP_OP_LIST,
	KFTP_OP_NLST,
	KFTP_OP_MLSD,
	KFTP_OP_MLST,
	KFTP_OP_STAT,
	KFTP_OP_SIZE,
	KFTP_OP_MDTM,
	KFTP_OP_MFMT,
	KFTP_OP_DELE,
	KFTP_OP_RENAME,
	KFTP_OP_MKD,
	KFTP_OP_RMD,
	KFTP_OP_CWD,
	KFTP_OP_PWD,
	KFTP_OP_SYST,
	KFTP_OP_CHMOD,
	KFTP_OP_HASH,
	KFTP_OP_RAW,			/* one checked line */
	KFTP_OP_QUIT,
};

enum kftp_digest {
	KFTP_DIGEST_NONE = 0,
	KFTP_DIGEST_SHA256,
	KFTP_DIGEST_SHA512,
	KFTP_DIGEST_SHA1,
	KFTP_DIGEST_MD5,
	KFTP_DIGEST_CRC32,
};

enum kftp_cache {
	KFTP_CACHE_DEFAULT = 0,		/* through the page cache */
	KFTP_CACHE_DROP,		/* write back and drop behind */
	KFTP_CACHE_DIRECT,		/* direct I/O */
};

/* kftp_submit.flags */
#define KFTP_SUBMIT_ASK_SIZE	(1U << 0)	/* SIZE first; RETR of more or fewer: EBADMSG */
#define KFTP_SUBMIT_ASK_MTIME	(1U << 1)	/* MDTM before the transfer */
#define KFTP_SUBMIT_EXPECT_SIZE	(1U << 2)	/* expect_size holds, or ESTALE; implies ASK_SIZE */
#define KFTP_SUBMIT_EXPECT_MTIME (1U << 3)	/* the same for expect_mtime and ASK_MTIME */

/*
 * Queue a request. fd is the local file of a transfer, -1 where there is none; offset is both the
 * remote restart offset (REST) and the position in the file, whose own position is not used. Paths
 * are sent as they are; bytes below 0x20 and 0x7f are refused.
 *
 *   RETR                 into a regular file; length: that many bytes at most, the rest is cut off
 *   STOR APPE STOU       from a regular file, or from a pipe that is O_NONBLOCK. length: that many
 *                        bytes of it, else to its end. APPE and STOU send no REST: offset is the
 *                        local position only. STOU needs no path; the 1xx, a LINE, names the file
 *   LIST NLST MLSD       into a regular file; path may be absent. length: more is EMSGSIZE
 *   MLST STAT            the same; the lines of the reply, without its first and last
 *   RENAME               path to path2
 *   MFMT                 sets mtime, by MFMT, MFF, SITE UTIME or MDTM, whatever works here
 *   CHMOD                sets mode
 *   HASH                 by HASH or by XSHA256 and its kin; digest says which one. The reply has it
 *   RAW                  path is the line, without its end; no login, TLS or data command
 */
struct kftp_submit {
	__u32 size;
	__u32 flags;			/* KFTP_SUBMIT_* */
	__u32 op;			/* enum kftp_op */
	__s32 fd;
	__aligned_u64 offset;
	__aligned_u64 length;		/* 0: all */
	__aligned_u64 path;
	__aligned_u64 path2;
	__u32 path_len;
	__u32 path2_len;
	__u32 digest;			/* enum kftp_digest */
	__u32 cache;			/* enum kftp_cache */
	__aligned_u64 expect_size;
	kftp_s64 expect_mtime;		/* seconds since 1970, UTC */
	kftp_s64 mtime;			/* to set: MFMT */
	__aligned_u64 user_data;
	__u32 mode;			/* to set: CHMOD, at most 07777 */
	__u32 reserved[3];
};

enum kftp_event_type {
	KFTP_EVENT_NONE = 0,
	KFTP_EVENT_CONNECTED,		/* logged in */
	KFTP_EVENT_TLS,			/* fd was lent: shake hands, answer with KFTP_TLS */
	KFTP_EVENT_DATA_WANTED,		/* connect to peer, answer with KFTP_ADOPT */
	KFTP_EVENT_LINE,		/* one line of the dialogue */
	KFTP_EVENT_PROGRESS,
	KFTP_EVENT_YIELD,		/* max_bytes have moved */
	KFTP_EVENT_DONE,		/* a request has ended */
	KFTP_EVENT_CLOSED,		/* the session has ended */
};

/* kftp_run.event_flags */
#define KFTP_EVENT_HAS_SIZE	(1U << 0)	/* remote_size is known */
#define KFTP_EVENT_HAS_MTIME	(1U << 1)	/* remote_mtime is known */
#define KFTP_EVENT_SENT		(1U << 2)	/* LINE: ours; without it, the server's */
#define KFTP_EVENT_MORE		(1U << 3)	/* LINE: more lines of this reply follow */
#define KFTP_EVENT_ACTIVE	(1U << 4)	/* DONE: the data connection was active */
#define KFTP_EVENT_ENCRYPTED	(1U << 5)	/* DONE: it was protected by TLS */
#define KFTP_EVENT_UNCLEAN	(1U << 6)	/* DONE: it ended without TLS's close_notify */

/* kftp_run.flags */
#define KFTP_RUN_NONBLOCK	(1U << 0)	/* as O_NONBLOCK, for this call */

/*
 * Drive the session until there is an event. The members up to reserved_in go in, the others come
 * out. text receives the event's text: its first text_cap bytes, text_len says how long it is.
 *
 * error, in DONE and CLOSED, is 0 or a negative errno:
 *   EREMOTEIO      the server refused; reply says how (RFC 959 section 4.2)
 *   EKEYREJECTED   login refused
 *   ESTALE         the remote file is not the expected one
 *   ESPIPE         the server cannot restart at an offset
 *   EBADMSG        the bytes received are not as many as the server's SIZE, or it was content with
 *                  an upload before all was sent; or, with KFTP_EVENT_UNCLEAN, whoever was there
 *                  may have cut them off, and no SIZE shows that they are all
 *   ETIMEDOUT      a deadline has passed; of an upload not while the server still takes bytes
 *   EOPNOTSUPP     the server has no command for this (MFMT, HASH)
 *   ECANCELED      KFTP_CANCEL, or an earlier failure of the session
 *   EPROTO         the server does not speak FTP as it should
 *   EMSGSIZE       a reply line is longer than KFTP_MAX_LINE, a reply has too many, or a listing
 *                  is longer than length
 *   ECONNRESET     the server closed the control connection
 *   EPROTONOSUPPORT  the server has no TLS (reply: to AUTH or PROT), and it was required
 *   EPROTO with reply 234 or 334: bytes in clear text came behind the answer to AUTH
 *   ENOKEY         KFTP_TLS said that all is well, but the socket has no kernel TLS in use
 *   EILSEQ         a TLS record was forged or damaged
 *   ECONNABORTED   the server ended TLS with an alert: see the member alert
 *   EKEYEXPIRED    the server wants new keys in a session, which the kernel has no means for
 *   others         from the network (ECONNREFUSED, ...) or the local file (ENOSPC, ...)
 */
struct kftp_run {
	__u32 size;			/* in: sizeof, out: bytes filled in */
	__u32 flags;			/* KFTP_RUN_* */
	__aligned_u64 max_bytes;	/* 0: no limit */
	__aligned_u64 text;
	__u32 text_cap;
	__u32 reserved_in;

	__u32 type;			/* enum kftp_event_type */
	__u32 event_flags;		/* KFTP_EVENT_HAS_SIZE ... */
	__aligned_u64 user_data;
	__s32 error;
	__u32 reply;			/* the reply code, 0 if there was none */
	__s32 fd;			/* TLS: the lent one, the caller's to close; else -1 */
	__u32 channel;			/* TLS, LINE: enum kftp_role */
	__u32 text_len;
	__u32 local_file;		/* DONE: 1 if error came from the local file */
	__aligned_u64 bytes;		/* moved by this request, so far or in all */
	__aligned_u64 nsec;		/* since the request was begun */
	struct kftp_addr local;		/* CONNECTED: control connection; else: data connection */
	struct kftp_addr peer;
	__aligned_u64 remote_size;
	kftp_s64 remote_mtime;		/* seconds since 1970, UTC */
	__u32 digest;
	__u32 digest_len;
	__u8 digest_bytes[64];
	__u32 alert;			/* DONE, CLOSED: the server's fatal TLS alert, or 0 */
	__u32 reserved_out;
};

/* kftp_tls.flags */
#define KFTP_TLS_RESUMED	(1U << 0)
#define KFTP_TLS_PROT_DONE	(1U << 1)	/* the agent has exchanged PBSZ and PROT */

/*
 * The answer to a TLS event, once the caller has shaken hands on the lent descriptor and has put
 * the keys into it: TCP_ULP "tls" (before the handshake: afterwards the server's FIN may have
 * come, and it would fail), TLS_TX and TLS_RX. error: it has failed; the session, or the request
 * of a data connection, ends with it, unless the server's reply says better why. ESRCH: nobody
 * waits for it any more, perhaps because the request has ended meanwhile. It answers the TLS event
 * that was fetched last: threads that fetch and answer see to that themselves. The descriptor is
 * to be closed before: whoever goes on writing to it makes the session wait.
 *
 * On the control connection what was decrypted but is not the caller's to consume (with
 * KFTP_TLS_IMPLICIT the greeting, which is read so that session tickets are) goes into pending, and
 * is taken for what the server has said. There is none on a data connection.
 */
struct kftp_tls {
	__u32 size;
	__u32 flags;			/* KFTP_TLS_RESUMED, ... */
	__u32 channel;			/* enum kftp_role */
	__s32 error;			/* 0 or a negative errno */
	__u16 version;			/* as in TLS, 0x0304; only shown */
	__u16 cipher;			/* the suite's number */
	__u32 pending_len;		/* <= KFTP_MAX_LINE */
	__aligned_u64 pending;
};

enum kftp_cancel_what {
	KFTP_CANCEL_REQUEST = 0,	/* all requests with this user_data */
	KFTP_CANCEL_ALL,		/* all requests */
	KFTP_CANCEL_SESSION,
};

/* Needs only the descriptor. ENOENT: nothing to cancel; EALREADY: being cancelled. */
struct kftp_cancel {
	__u32 size;
	__u32 flags;
	__u32 what;			/* enum kftp_cancel_what */
	__u32 reserved;
	__aligned_u64 user_data;
};

/* Numbers from 0x40: below them the letter belongs to spidev. */
#define KFTP_IOC_MAGIC	'k'
#define KFTP_INFO	_IOWR(KFTP_IOC_MAGIC, 0x40, struct kftp_info)
#define KFTP_CONNECT	_IOW(KFTP_IOC_MAGIC, 0x41, struct kftp_connect)
#define KFTP_ADOPT	_IOW(KFTP_IOC_MAGIC, 0x42, struct kftp_adopt)
#define KFTP_SUBMIT	_IOW(KFTP_IOC_MAGIC, 0x43, struct kftp_submit)
#define KFTP_RUN	_IOWR(KFTP_IOC_MAGIC, 0x44, struct kftp_run)
#define KFTP_TLS	_IOW(KFTP_IOC_MAGIC, 0x45, struct kftp_tls)
#define KFTP_CANCEL	_IOW(KFTP_IOC_MAGIC, 0x46, struct kftp_cancel)

#endif /* _UAPI_KFTP_H */
