/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * libkftp: an FTP transfer as a C call, on top of /dev/kftp.
 *
 * Policy lives here: names and addresses, retries and back-off, temporary names, fsync and rename,
 * resuming. The module behind the device (see <kftp/kftp.h>) speaks FTP and moves the bytes.
 *
 * Functions return 0 or a positive value on success and -errno on failure, where not said otherwise.
 * Times are in microseconds, sizes in bytes. No function prints or logs.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <kftp/kftp.h>

#pragma GCC visibility push(default)

#define KFTP_DEVICE "/dev/kftp"
#define KFTP_SIZE_UNKNOWN UINT64_MAX
#define KFTP_MTIME_UNKNOWN INT64_MIN

/* ---- What went wrong ------------------------------------------------------------------------- */

/* The class of a failure is the exit code of the command (kftp(1)). */
enum kftp_class {
        KFTP_CLASS_OK = 0,
        KFTP_CLASS_OTHER = 1,
        KFTP_CLASS_USAGE = 2,
        KFTP_CLASS_SOME_FAILED = 3,
        KFTP_CLASS_AUTH = 4,            /* authentication refused */
        KFTP_CLASS_REMOTE = 5,          /* remote file missing or denied */
        KFTP_CLASS_NETWORK = 6,         /* connection or time-out: worth retrying */
        KFTP_CLASS_LOCAL = 7,           /* local input or output, disk full */
        KFTP_CLASS_INTEGRITY = 8,       /* size or hash differs */
        KFTP_CLASS_DEVICE = 9,          /* device or module missing or not accessible */
        KFTP_CLASS_TLS = 10,
        KFTP_CLASS_BUSY = 75,
        KFTP_CLASS_INTERRUPTED = 130,
};

typedef struct KftpFailure {
        enum kftp_class class;
        int error;                      /* negative errno, 0 if only the server's reply says it */
        unsigned reply;                 /* FTP reply code, 0 if there was none */
        bool transient;                 /* trying again later may help */
        char *text;                     /* one line for people: what, where (host:port), the server's
                                         * words in quotes with control bytes escaped, what to do */
} KftpFailure;

void kftp_failure_done(KftpFailure *f);         /* frees text, zeroes the rest */

/* One word for logs and JSON: "done" for KFTP_CLASS_OK, else "auth", "network", ... */
const char *kftp_class_name(enum kftp_class class);

/*
 * Makes a server's text fit to be shown: bytes of control characters, of invalid UTF-8 and of the
 * invisible characters that reorder a line become \xNN. The caller frees the result; NULL: no memory.
 */
char *kftp_escape(const char *text, size_t n);

/* ---- URLs ------------------------------------------------------------------------------------ */

typedef struct KftpUrl {
        bool implicit_tls;              /* ftps:// */
        char *user;                     /* NULL: none given */
        char *host;                     /* without brackets */
        uint16_t port;                  /* host order; 21 or 990 if not given */
        bool has_port;                  /* it was given */
        char *path;                     /* percent-decoded, as sent to the server; "" : the login directory.
                                         * "%2f" as the first part makes it absolute (RFC 1738 section 3.2.2) */
        char *base;                     /* the last part of path; "" if path ends in a slash */
} KftpUrl;

/*
 * Parses ftp:// and ftps:// URLs. On -EINVAL *reason, if not NULL, gets an allocated sentence
 * that names the offence. A password in the URL, and CR, LF, NUL or other control bytes in the
 * decoded user or path are refused.
 */
int kftp_url_parse(const char *text, KftpUrl *ret, char **reason);
void kftp_url_done(KftpUrl *u);

/* ---- Addresses ------------------------------------------------------------------------------- */

/* Numeric address, optionally with a %scope; no port. -EINVAL if it is none. */
int kftp_address_parse(const char *text, struct kftp_addr *ret);
/* "192.0.2.1:21", "[2001:db8::1]:21"; allocated. */
char *kftp_address_format(const struct kftp_addr *a);
/* Resolves host to at most 32 addresses in the order in which to try them (RFC 6724). family 0: any.
 * Fills *f on failure. */
int kftp_resolve(const char *host, uint16_t port, int family, struct kftp_addr **ret, size_t *n_ret, KftpFailure *f);

/* ---- Transfers ------------------------------------------------------------------------------- */

/* The handle by which another thread or a signal handler stops a transfer. */
typedef struct KftpControl KftpControl;

int kftp_control_new(KftpControl **ret);
/* Stops the transfer that uses c, at a resumable point; also one that starts later. Async-signal-safe,
 * from any thread, idempotent. */
void kftp_control_cancel(KftpControl *c);
void kftp_control_free(KftpControl *c);

typedef struct KftpProgress {
        uint64_t bytes;                 /* in the local file so far, resumed part included */
        uint64_t resumed_from;          /* how many of them were there when this attempt began */
        uint64_t total;                 /* KFTP_SIZE_UNKNOWN if not known */
        uint64_t usec;                  /* since this attempt began to move data */
} KftpProgress;

typedef struct KftpAttempt {
        unsigned attempt;               /* that failed, from 1 */
        const KftpFailure *failure;
        uint64_t delay_usec;            /* until the next one */
} KftpAttempt;

/*
 * Just before the rename, after fsync of the temporary file: makes the intent durable. Of an upload the paths are those on the
 * server, where everything has arrived.
 */
typedef struct KftpIntent {
        const char *temporary;          /* absolute path */
        const char *final;              /* absolute path */
        uint64_t size;
        int64_t mtime;                  /* of the source; or KFTP_MTIME_UNKNOWN */
        bool twin;                      /* of an upload: what it replaces has the same size, or nobody knows */
        int64_t twin_mtime;             /* the time of that by MDTM, or KFTP_MTIME_UNKNOWN */
} KftpIntent;

/* How a connection is encrypted. All zero: not at all. */
typedef struct KftpTlsState {
        uint16_t version;               /* 0x0303: TLS 1.2, 0x0304: TLS 1.3 */
        uint16_t cipher;                /* number of the cipher suite (IANA) */
        bool resumed;                   /* of a data connection: it goes on with the TLS session of the control connection */
} KftpTlsState;

/*
 * Callbacks run in the calling thread. intent returns 0, or -errno to give the transfer up.
 * line gets one line of the dialogue, without CRLF, the password hidden.
 */
typedef struct KftpCallbacks {
        void (*line)(void *userdata, bool sent, const char *text, size_t n);
        void (*connected)(void *userdata, const struct kftp_addr *local, const struct kftp_addr *peer);
        void (*progress)(void *userdata, const KftpProgress *p);
        void (*retry)(void *userdata, const KftpAttempt *a);
        int (*intent)(void *userdata, const KftpIntent *i);
        /* A connection has been encrypted. */
        void (*tls)(void *userdata, enum kftp_role channel, const KftpTlsState *s);
        /* Something worth knowing that is no failure: what did not work and what is done instead. */
        void (*note)(void *userdata, const char *text);
        /* What was asked for is not fully so, or what is not safe is done all the same. */
        void (*warning)(void *userdata, const char *text);
        void *userdata;
} KftpCallbacks;

/* How a SOCKS5 or HTTP proxy is reached; see kftp_proxy_parse. */
typedef struct KftpProxy KftpProxy;

/*
 * How connections are encrypted, and whom the other side has to be. By default its certificate is verified against
 * the system's roots and has to be for the URL's host. A URL that begins with ftps:// means implicit TLS, whatever the
 * mode; kftp_tls_resolve says where the two contradict each other.
 */
typedef struct KftpTlsOptions {
        enum kftp_tls_mode mode;
        const char *ca_file;            /* PEM file, or directory of such: instead of the system's roots */
        const char *certificate_file;   /* PEM, ours; with intermediates, if there are */
        const char *key_file;           /* PEM; NULL: it is in certificate_file */
        const char *pin;                /* "sha256//BASE64", several with ';' between: what the key of the server has to be, too */
        bool insecure;                  /* the certificate is not verified; pin is, if there is one */
        uint16_t min_version;           /* 0x0303 or 0x0304; 0: TLS 1.2 */
} KftpTlsOptions;

/* "TLS1.3 TLS_AES_256_GCM_SHA384 resumed", "none"; allocated. */
char *kftp_tls_format(const KftpTlsState *s);

/*
 * Makes mode and url agree, as every transfer does itself: with ftps:// the mode becomes KFTP_TLS_IMPLICIT, with that
 * mode the URL's implicit_tls is set, and its port is 990 if it names none. chosen: somebody has asked for *mode, it is not
 * just the default. -EINVAL, with an allocated sentence in *reason (may be NULL), if they contradict each other.
 */
int kftp_tls_resolve(KftpUrl *url, enum kftp_tls_mode *mode, bool chosen, char **reason);

/* -EINVAL, with an allocated sentence in *reason (may be NULL), if text is no pin as in KftpTlsOptions. */
int kftp_tls_pin_check(const char *text, char **reason);

/* Whether what o names is there and fits together: its certificates and keys are loaded, and forgotten. */
int kftp_tls_check(const KftpTlsOptions *o, KftpFailure *f);

/* What is compared when a transfer is complete, besides the number of bytes that arrived. */
#define KFTP_VERIFY_SIZE  (1U << 0)     /* a server that does not tell the size is refused */
#define KFTP_VERIFY_MTIME (1U << 1)     /* the file is the same as when it began */
#define KFTP_VERIFY_HASH  (1U << 2)     /* the server's hash of it; refused where it has none */

/* Zero means the default everywhere but in retries. Strings are borrowed for the duration of the call. */
typedef struct KftpOptions {
        const char *user;               /* NULL: the URL's, else anonymous */
        const char *password;           /* NULL: none */
        const char *account;
        const struct kftp_addr *source; /* local address to connect from; NULL: any */
        unsigned ifindex;
        int family;                     /* AF_INET, AF_INET6 or 0 */
        enum kftp_data_mode data_mode;
        uint64_t timeout_usec;          /* bounds each wait, not the transfer; default 60 s */
        unsigned retries;               /* after the first attempt; 0: none. KFTP_RETRIES_DEFAULT is 3 */
        uint64_t retry_usec;            /* first delay; doubles to a cap of 5 min; default 1 s */
        bool resume;                    /* go on from a partial file if it is of the same remote file */
        KftpCallbacks callbacks;
        KftpControl *control;           /* may be NULL */
        const KftpProxy *proxy;         /* through which control and data connections go; NULL: none */
        uint64_t limit_rate;            /* bytes per second, both directions; 0: no limit */
        unsigned verify;                /* KFTP_VERIFY_* */
        bool raw;                       /* KFTP_OP_RAW is allowed */
        KftpTlsOptions tls;
} KftpOptions;

#define KFTP_RETRIES_DEFAULT 3
#define KFTP_TIMEOUT_DEFAULT_USEC UINT64_C(60000000)

typedef struct KftpResult {
        char *local;                    /* absolute path of the final file; of an upload: its source */
        char *remote;                   /* of an upload: the path on the server, as it was sent */
        uint64_t bytes;                 /* size of the file; on failure, what a later call may go on from */
        uint64_t resumed_from;          /* how many of them were there before this call */
        uint64_t usec;                  /* of the whole call, waits between attempts included */
        uint64_t transfer_usec;         /* of the attempt that succeeded */
        uint64_t rate;                  /* bytes per second over the attempt that succeeded */
        unsigned attempts;
        unsigned reply;                 /* last reply code */
        char *reply_text;               /* last reply line, as sent */
        int64_t mtime;                  /* remote, or KFTP_MTIME_UNKNOWN */
        struct kftp_addr peer;          /* control connection's addresses */
        struct kftp_addr local_addr;
        struct kftp_addr data_peer;
        struct kftp_addr data_local;
        bool data_active;               /* the server connected to data_local */
        KftpTlsState tls;               /* of the control connection */
        KftpTlsState data_tls;          /* of the file's data connection */
        char *sha256;                   /* of the file, in hexadecimal; NULL if it was not computed */
        bool complete;                  /* of a failure: the file is there under its name all the same, but without the time or the
                                         * permissions that it should have */
        KftpFailure failure;            /* class KFTP_CLASS_OK on success */
} KftpResult;

/*
 * Fetches url into dest: a file, an existing directory (then under the URL's last part), or NULL
 * (the current directory). The final name appears only with the complete file: it is received into
 * a temporary file of the same directory, compared with the server's SIZE, synced, renamed, and the
 * directory synced. With resume, or between attempts of one call, it goes on from a partial file only
 * if the remote file has the SIZE and MDTM it had when the partial began, and only from an offset that
 * was synced; otherwise it starts again, as it does after a file that was not of the size the server had
 * said. Without resume an older partial is discarded.
 *
 * Returns 0, or a negative errno with ret->failure filled in. ret is always filled; free it with
 * kftp_result_done.
 */
int kftp_get(const KftpUrl *url, const char *dest, const KftpOptions *options, KftpResult *ret);
void kftp_result_done(KftpResult *r);

/*
 * As kftp_get, of a large file: over up to segments sessions at a time (at most KFTP_MIRROR_SESSIONS_MAX), each of which fetches a
 * part of segment_size bytes or more (0: KFTP_SEGMENT_SIZE_DEFAULT) after the other. What is recorded of them is gone on from by a later
 * call of this kind. A server that does not let in that many sessions is asked by fewer; a file that is smaller than two parts, or
 * whose size and time the server does not tell, is fetched as kftp_get does. limit_rate is for all sessions together.
 *
 * The callbacks are called by one thread at a time, but by others than the caller's; progress is that of the whole file.
 */
int kftp_get_segments(
                const KftpUrl *url,
                const char *dest,
                const KftpOptions *options,
                unsigned segments,
                uint64_t segment_size,
                KftpResult *ret);

/* Where kftp_get will put the file, and the name of its temporary file; allocated, absolute. */
int kftp_get_names(const KftpUrl *url, const char *dest, char **final, char **temporary, KftpFailure *f);

/* ---- Several operations over one session ----------------------------------------------------- */

/*
 * A client has at most one connection. It is kept from one call to the next and used again while host, port, user
 * and password are the same; retries and their back-off are its options'. For one thread at a time.
 */
typedef struct KftpClient KftpClient;

/* The options are copied, what they point to is borrowed until the client is freed. */
int kftp_client_new(KftpClient **ret, const KftpOptions *options);
void kftp_client_free(KftpClient *c);           /* takes leave of the server; NULL is fine */
/* From now on; as user, password and account of the options, borrowed like them. */
void kftp_client_set_login(KftpClient *c, const char *user, const char *password, const char *account);
/* The same for the proxy, NULL: none. A connection that is there stays as it is: set it for another server only. */
void kftp_client_set_proxy(KftpClient *c, const KftpProxy *proxy);

/* As kftp_get, over the client's session. */
int kftp_client_get(KftpClient *c, const KftpUrl *url, const char *dest, KftpResult *ret);

enum kftp_put_way {
        KFTP_PUT_TEMPORARY = 0,         /* under a temporary name, renamed when it is complete */
        KFTP_PUT_IN_PLACE,              /* under the final name from the first byte on */
        KFTP_PUT_APPEND,                /* to what is there (APPE); never tried again once data has flowed */
        KFTP_PUT_UNIQUE,                /* under a name that the server chooses (STOU) */
};

typedef struct KftpPutOptions {
        enum kftp_put_way way;
        bool directory;                 /* url has to be a directory, also if it does not end in a slash */
        bool file;                      /* url names the file itself: it is not asked whether it is a directory. Not with directory */
        bool absent;                    /* a listing has told that nothing has the final name; it is not asked again */
        bool no_part;                   /* nor is there a part of it from an earlier call: with resume too, none is looked for */
        bool has_source_fd;             /* source_fd is the source, */
        int source_fd;                  /* a regular file that is open for reading, borrowed; source is its name then */
        bool mtime;                     /* give the remote file the time of the local one (MFMT) */
        bool has_mode;
        unsigned mode;                  /* SITE CHMOD */
        bool text;                      /* LF becomes CR LF; not with resume */
} KftpPutOptions;

/*
 * Sends source, a regular file, or "-" for the standard input, to url: a file, or a directory (it ends in a slash or
 * is one on the server), then under source's last part. The final name appears only with the complete file: it is
 * sent under a temporary name beside it, its SIZE compared with what was sent, and renamed. The temporary name
 * tells size and time of the source, so that with resume, and between attempts of one call, a part of it that is
 * there is gone on from. Standard input that is a pipe is sent once: it cannot be tried again.
 *
 * Returns as kftp_get. ret->local is the source, ret->remote the final name.
 */
int kftp_client_put(KftpClient *c, const char *source, const KftpUrl *url, const KftpPutOptions *put, KftpResult *ret);

/*
 * What has become of an upload to url's server of which nothing but its intent is known: looks both names up, and renames what is
 * still there under the temporary one, with time and mode as put says. 1: it is delivered. 0: it was not, and may be sent again.
 * -errno with ret->failure: transient if nobody could be asked; class INTEGRITY if it is not known whether it was delivered.
 */
int kftp_client_put_settle(KftpClient *c, const KftpUrl *url, const KftpIntent *intent, const KftpPutOptions *put, KftpResult *ret);

/* ---- Listings -------------------------------------------------------------------------------- */

#define KFTP_MODE_UNKNOWN UINT32_MAX

enum kftp_entry_type {
        KFTP_ENTRY_FILE,
        KFTP_ENTRY_DIR,
        KFTP_ENTRY_LINK,
        KFTP_ENTRY_OTHER,               /* device, socket, ..., or not told */
};

/* One entry of a directory. Its texts are not terminated, are bytes as the server sent them, without NUL, and are
 * gone when the callback returns. A name is never empty, "." or ".."; it may hold anything else, even a slash. */
typedef struct KftpEntry {
        const char *name;
        size_t name_len;
        enum kftp_entry_type type;
        uint64_t size;                  /* or KFTP_SIZE_UNKNOWN */
        int64_t mtime;                  /* seconds since 1970, or KFTP_MTIME_UNKNOWN; UTC if the server uses it */
        uint32_t mtime_precision;       /* of how many seconds mtime is the beginning: 1, 60 or 86400 */
        uint32_t mode;                  /* permissions, or KFTP_MODE_UNKNOWN */
        const char *target;             /* of a link, or NULL */
        size_t target_len;
} KftpEntry;

/* Returns 0, or a negative errno to stop: the call that lists then returns it. */
typedef int (*KftpEntryCallback)(void *userdata, const KftpEntry *entry);

typedef struct KftpListOptions {
        bool all;                       /* also names that begin with a dot, if the server hides them (LIST -a) */
        bool list;                      /* by LIST, even if the server has MLSD: it may tell where links lead */
        bool stat;                      /* by STAT over the control connection: no data connection is needed */
        int32_t utc_offset;             /* seconds that the clock in the server's LIST is ahead of UTC; MLSD has UTC */
} KftpListOptions;

typedef struct KftpListing {
        const char *format;             /* "MLSD", "unix", "DOS", "VMS", ...; NULL if there was nothing to be read */
        bool utc;                       /* the format has times in UTC, whatever utc_offset is */
        uint64_t entries;
        uint64_t bad;                   /* lines that could not be read: the listing may lack as many entries */
        char *bad_line;                 /* the first of them, escaped, or NULL */
        char *truncated;                /* the server has left entries out: how it says so, escaped, or NULL */
        bool file;                      /* url names a file: the one entry is that file */
        unsigned attempts;
        KftpFailure failure;            /* class KFTP_CLASS_OK on success */
} KftpListing;

/*
 * Lists the directory that url names, or the file, if it is one. The whole listing is received before the callback is
 * called for the first time, so no entry comes twice; memory does not grow with it. A directory that is not there is a
 * failure of class KFTP_CLASS_REMOTE, an empty one is none. Returns 0, -errno with ret->failure filled in, or what the
 * callback returned (the failure is then of class KFTP_CLASS_LOCAL and has no text).
 */
int kftp_client_list(
                KftpClient *c,
                const KftpUrl *url,
                const KftpListOptions *options,
                KftpEntryCallback callback,
                void *userdata,
                KftpListing *ret);
void kftp_listing_done(KftpListing *l);

/* ---- Changes on the server ------------------------------------------------------------------- */

/*
 * Each of these may be tried again only as far as that does no harm: if the connection is lost after the command was
 * sent, it is looked whether it has been carried out. ret->reply and reply_text are the server's last words. They
 * return 0, or -errno with ret->failure filled in; kftp_result_done() frees what is in *ret.
 */

#define KFTP_REMOVE_DIRECTORY (1U << 0)         /* an empty directory (RMD) instead of a file (DELE) */
#define KFTP_REMOVE_MISSING_OK (1U << 1)        /* what is not there needs not be removed */

int kftp_client_remove(KftpClient *c, const KftpUrl *url, unsigned flags, KftpResult *ret);
/* parents: makes those that are missing too, and a directory that is there already is fine. */
int kftp_client_mkdir(KftpClient *c, const KftpUrl *url, bool parents, KftpResult *ret);
/* To to: a name in the same directory if it has no slash, else a path as KftpUrl's path is. */
int kftp_client_rename(KftpClient *c, const KftpUrl *url, const char *to, KftpResult *ret);
/*
 * One command as it is, over a connection of its own; login, TLS and data commands are refused. line is called for
 * each line of the reply. A refusal of 4xx or 5xx is a failure of class KFTP_CLASS_REMOTE.
 */
int kftp_client_quote(
                KftpClient *c,
                const KftpUrl *url,
                const char *command,
                void (*line)(void *userdata, const char *text, size_t n),
                void *userdata,
                KftpResult *ret);

/* Reads a password from a file: regular, not readable by group or others (-EPERM), first line, at
 * most 512 bytes. *f says the fix. The caller frees with explicit_bzero first. */
int kftp_read_password_file(const char *path, char **ret, KftpFailure *f);

/* ---- Logins from a netrc file ---------------------------------------------------------------- */

typedef struct KftpLogin {
        char *user;
        char *password;
        char *account;
        bool from_default;              /* of the entry for all hosts */
} KftpLogin;

void kftp_login_done(KftpLogin *l);             /* wipes and frees; zeroes the rest */

/*
 * Looks the host, and of several logins there the one of user (NULL: the first), up in the netrc file path, in the
 * user's own (~/.netrc, where there need not be one) if path is NULL. 1: found; members that the entry does not have
 * are NULL. 0: nothing there. -errno with *f filled in as "FILE:LINE: what is wrong", or if the entry has a password
 * that others may read.
 */
int kftp_netrc_find(const char *path, const char *host, const char *user, KftpLogin *ret, KftpFailure *f);

/* ---- Rates and ranges ------------------------------------------------------------------------ */

/* Bytes per second: a number, also with a fraction, and K, M, G or T for powers of 1024. */
int kftp_rate_parse(const char *text, uint64_t *ret);

/* A part of a file. All zero: the whole. */
typedef struct KftpRange {
        uint64_t from;
        uint64_t length;                /* 0: to the end */
        uint64_t last;                  /* not 0: that many bytes at the end; from and length are 0 */
} KftpRange;

/* "FROM-TO" (both included), "FROM-", or "-LAST". */
int kftp_range_parse(const char *text, KftpRange *ret);

/* What of a file is wanted, and how. */
typedef struct KftpPart {
        KftpRange range;
        bool text;                      /* CR LF becomes LF, also in CR CR LF */
} KftpPart;

/*
 * Writes a file, or a part of it, to fd: whatever that is, at its own position, in bounded memory. After a failure
 * that may pass, it is gone on from where the output ended, if the remote file is the same by SIZE and MDTM. Returns as
 * kftp_get; ret->bytes are those received, before the ends of lines were translated. ret->failure.error is -EPIPE if
 * nobody reads any more; SIGPIPE is left to the caller.
 */
int kftp_client_cat(KftpClient *c, const KftpUrl *url, int fd, const KftpPart *part, KftpResult *ret);

/* As kftp_client_get, of a part, or with the ends of lines translated. A later call cannot go on from what is left. */
int kftp_client_get_part(KftpClient *c, const KftpUrl *url, const char *dest, const KftpPart *part, KftpResult *ret);

/* ---- Mirrors --------------------------------------------------------------------------------- */

/*
 * A mirror makes one tree, the target, like another one, the source; one of them is a directory on a server, the other
 * one here. Directory by directory both sides are listed and compared, and what differs is transferred, by several
 * sessions at once. Paths of events and filters are relative to both trees, without a slash at their begin.
 */

/* What a path has to be like to take part. Patterns and expressions are matched against paths. */
typedef struct KftpFilter KftpFilter;

enum kftp_filter_kind {
        KFTP_FILTER_INCLUDE = 0,        /* a glob: files that match none, if there are any, are left out */
        KFTP_FILTER_EXCLUDE,            /* a glob; one that ends in a slash is for directories */
        KFTP_FILTER_INCLUDE_REGEX,      /* extended regular expressions (POSIX) */
        KFTP_FILTER_EXCLUDE_REGEX,
};

int kftp_filter_new(KftpFilter **ret);
void kftp_filter_free(KftpFilter *f);           /* NULL is fine */
/*
 * A glob without a slash is matched against the last part of a path, one with a slash against the whole: "*" and "?" do
 * not match a slash then, "**" does. Exclusion wins over inclusion, whatever the order. -EINVAL, with an allocated
 * sentence in *reason (may be NULL), if text is no such pattern.
 */
int kftp_filter_add(KftpFilter *f, enum kftp_filter_kind kind, const char *text, char **reason);

enum kftp_symlinks {
        KFTP_SYMLINKS_DEFAULT = 0,      /* COPY of a download; FOLLOW of an upload, as FTP cannot make links */
        KFTP_SYMLINKS_SKIP,
        KFTP_SYMLINKS_FOLLOW,           /* what the link points to stands in its place */
        KFTP_SYMLINKS_COPY,             /* the link itself; one that points out of the tree is refused */
};

/* What tells that two files of the same size are the same. */
enum kftp_compare {
        KFTP_COMPARE_TIME = 0,
        KFTP_COMPARE_SIZE,              /* the size alone */
        KFTP_COMPARE_HASH,              /* the server's hash of it; time where the server has none */
};

enum kftp_mirror_action {
        KFTP_MIRROR_LIST = 0,           /* a directory was listed; an event only if that failed */
        KFTP_MIRROR_GET,
        KFTP_MIRROR_PUT,
        KFTP_MIRROR_LINK,               /* a symbolic link was made */
        KFTP_MIRROR_MKDIR,
        KFTP_MIRROR_SET,                /* time or permissions of what is the same otherwise */
        KFTP_MIRROR_DELETE,             /* from the target */
        KFTP_MIRROR_RMDIR,              /* from the target */
        KFTP_MIRROR_MOVED,              /* the source was removed after it had been transferred */
        KFTP_MIRROR_REFUSE,             /* an entry that is not touched, and why is in the failure */
};

/* "get", "put", ...: for JSON and logs. */
const char *kftp_mirror_action_name(enum kftp_mirror_action a);

typedef struct KftpMirrorEvent {
        enum kftp_mirror_action action;
        bool planned;                   /* with dry_run: it would be done */
        unsigned session;               /* from 1; 0: none */
        const char *path;               /* bytes as they are on the server or on the disk */
        const char *local;              /* absolute path */
        const char *remote;             /* path on the server */
        const char *why;                /* "new", "size", "time", "hash", "type", ...; may be NULL */
        const char *target;             /* of a link; else NULL */
        uint64_t size;                  /* as listed; or KFTP_SIZE_UNKNOWN */
        int64_t mtime;                  /* as listed; or KFTP_MTIME_UNKNOWN */
        const KftpResult *result;       /* of what was done; its failure tells whether it was. Never NULL */
} KftpMirrorEvent;

#define KFTP_MIRROR_SESSIONS_MAX 64U

/* What one session does at the moment. */
typedef struct KftpMirrorSession {
        bool listing;                   /* a directory, which is path then */
        char *path;                     /* NULL: nothing */
        KftpProgress progress;          /* of the file, or of the segment */
} KftpMirrorSession;

typedef struct KftpMirrorProgress {
        uint64_t directories;           /* compared */
        uint64_t directories_left;      /* known, and not yet compared */
        uint64_t files;                 /* found in the source and taken by the filter */
        uint64_t unchanged;
        uint64_t transferred;
        uint64_t transfers_left;        /* known, and not yet done; more may be found while directories are left */
        uint64_t bytes;                 /* received or sent so far */
        uint64_t bytes_left;            /* of the transfers left and under way, as far as sizes are known */
        uint64_t deleted;
        uint64_t failed;                /* refused included */
        uint64_t usec;                  /* since the begin */
        unsigned sessions_n;
        const KftpMirrorSession *sessions;
} KftpMirrorProgress;

/* Zero means the default. Strings are borrowed for the duration of the call. */
typedef struct KftpMirrorOptions {
        bool upload;                    /* from here to the server */
        bool dry_run;                   /* nothing is changed, on either side */
        bool delete;                    /* remove from the target what the source does not have */
        bool newer;                     /* transfer only what is newer than the target's, or not there */
        bool move;                      /* remove from the source what was transferred, or is the same */
        bool permissions;               /* the target's are to be those of the source */
        bool no_times;                  /* the target's times are left as they come */
        enum kftp_symlinks symlinks;
        enum kftp_compare compare;
        const KftpFilter *filter;       /* NULL: everything */
        uint64_t min_size;
        uint64_t max_size;              /* 0: no limit */
        uint64_t min_age;               /* seconds: files that are older; 0: no limit */
        uint64_t max_age;               /* seconds: files that are younger; 0: no limit */
        unsigned max_depth;             /* 1: no directories below; 0: no limit */
        unsigned shard;                 /* only paths of which kftp_shard() is this one, */
        unsigned shards;                /* of so many; 0: all */
        unsigned parallel;              /* files at a time, at most KFTP_MIRROR_SESSIONS_MAX; 0: KFTP_PARALLEL_DEFAULT */
        unsigned segments;              /* parts of a large file that are fetched at a time; 0 or 1: whole */
        uint64_t segment_size;          /* files from twice this on are large; 0: KFTP_SEGMENT_SIZE_DEFAULT */
        const char *state_directory;    /* where it is kept how far an interrupted mirror came; NULL: nowhere */
        /* Called by one thread at a time, but by others than the caller's. */
        void (*event)(void *userdata, const KftpMirrorEvent *e);
        void (*progress)(void *userdata, const KftpMirrorProgress *p);
        void *userdata;
} KftpMirrorOptions;

#define KFTP_PARALLEL_DEFAULT 4U
#define KFTP_SEGMENT_SIZE_DEFAULT (UINT64_C(16) << 20)

typedef struct KftpMirrorResult {
        uint64_t directories;           /* of the source, compared */
        uint64_t files;                 /* of the source, taken by the filter; links too */
        uint64_t unchanged;
        uint64_t transferred;           /* or, with dry_run, would be */
        uint64_t deleted;               /* from the target, directories included */
        uint64_t moved;                 /* from the source */
        uint64_t refused;               /* of failed: names and links that are not safe */
        uint64_t failed;                /* each of them was an event */
        uint64_t left;                  /* known, but not tried, as the mirror was stopped */
        uint64_t bytes;
        uint64_t usec;
        unsigned sessions;              /* that had a connection */
        struct kftp_addr peer;
        KftpTlsState tls;
        KftpFailure failure;            /* class KFTP_CLASS_SOME_FAILED: of single files; others: what stopped it */
} KftpMirrorResult;

/*
 * Makes the target like the source: url is the directory on the server, path the one here; the target is made if it is not
 * there, its parent has to be. Single files that fail do not stop the rest. Without a failure of any, 0; else -errno with
 * ret->failure. ret is always filled; free it with kftp_mirror_result_done.
 *
 * options are those of each session; its callbacks are called as those of mirror are.
 */
int kftp_mirror(const KftpUrl *url, const char *path, const KftpOptions *options, const KftpMirrorOptions *mirror, KftpMirrorResult *ret);
void kftp_mirror_result_done(KftpMirrorResult *r);
/* In a callback of a mirror: which of its sessions calls, from 1; 0: none of them. */
unsigned kftp_mirror_current_session(void);

/*
 * The part of a tree that path, relative to its root, belongs to: 0 to shards - 1, the same on every machine and in every
 * version. kftp(1) says how it is computed.
 */
unsigned kftp_shard(const char *path, unsigned shards);
/* "I/N"; -EINVAL with an allocated sentence in *reason (may be NULL). */
int kftp_shard_parse(const char *text, unsigned *shard, unsigned *shards, char **reason);

/* ---- Proxies --------------------------------------------------------------------------------- */

/*
 * A proxy from its URL: http://[USER@]HOST[:PORT] (CONNECT is used, whatever is transferred) or socks5://...; without
 * a scheme it is an HTTP one, without a port 1080. Names are resolved by the proxy. On -EINVAL *reason, if not NULL,
 * gets an allocated sentence.
 */
int kftp_proxy_parse(const char *text, KftpProxy **ret, char **reason);
void kftp_proxy_free(KftpProxy *p);             /* NULL is fine */
const char *kftp_proxy_name(const KftpProxy *p);        /* "socks5://HOST:PORT" */
const char *kftp_proxy_host(const KftpProxy *p);
const char *kftp_proxy_user(const KftpProxy *p);        /* NULL: none */
/* What the proxy itself wants to know; NULL leaves what there is. */
int kftp_proxy_set_login(KftpProxy *p, const char *user, const char *password);

/* The proxy that ftp_proxy, FTP_PROXY, all_proxy or ALL_PROXY names: 1, or 0 if there is none. */
int kftp_proxy_from_environment(KftpProxy **ret, char **reason);
/* Whether host is one of those in a list like no_proxy's (names, domains, addresses with /BITS, or *); in no_proxy
 * or NO_PROXY itself. */
bool kftp_proxy_exempt(const char *no_proxy, const char *host);
bool kftp_proxy_exempt_by_environment(const char *host);

#pragma GCC visibility pop
