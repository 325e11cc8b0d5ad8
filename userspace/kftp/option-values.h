/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* How options take their values: see struct Option. name is that of the option, for messages; where is of the type that stands behind the name. */
int option_flag(const char *name, const char *text, void *where, char **error);           /* bool */
int option_tls(const char *name, const char *text, void *where, char **error);            /* OptionalTls */
int option_tls_min(const char *name, const char *text, void *where, char **error);        /* uint16_t, as in TLS */
int option_pin(const char *name, const char *text, void *where, char **error);            /* const char * */
int option_text(const char *name, const char *text, void *where, char **error);           /* const char * */
int option_user(const char *name, const char *text, void *where, char **error);           /* const char * */
int option_active(const char *name, const char *text, void *where, char **error);         /* enum kftp_data_mode */
int option_source(const char *name, const char *text, void *where, char **error);         /* struct kftp_addr */
int option_interface(const char *name, const char *text, void *where, char **error);      /* unsigned */
int option_timeout(const char *name, const char *text, void *where, char **error);        /* uint64_t, microseconds */
int option_retries(const char *name, const char *text, void *where, char **error);        /* unsigned */
int option_rate(const char *name, const char *text, void *where, char **error);           /* uint64_t */
int option_range(const char *name, const char *text, void *where, char **error);          /* KftpRange */
int option_verify(const char *name, const char *text, void *where, char **error);         /* unsigned */
int option_mode(const char *name, const char *text, void *where, char **error);           /* OptionalMode */

/* Of mirrors */
int option_compare(const char *name, const char *text, void *where, char **error);      /* enum kftp_compare */
int option_symlinks(const char *name, const char *text, void *where, char **error);     /* enum kftp_symlinks */
int option_pattern(const char *name, const char *text, void *where, char **error);      /* KftpFilter *, made by the first one */
int option_size(const char *name, const char *text, void *where, char **error);         /* uint64_t */
int option_size_above_0(const char *name, const char *text, void *where, char **error);
int option_age(const char *name, const char *text, void *where, char **error);          /* uint64_t, seconds */
int option_age_above_0(const char *name, const char *text, void *where, char **error);
int option_depth(const char *name, const char *text, void *where, char **error);        /* unsigned */
int option_parallel(const char *name, const char *text, void *where, char **error);     /* unsigned */
int option_shard(const char *name, const char *text, void *where, char **error);        /* KftpMirrorOptions */

/* Of jobs */
int option_width(const char *name, const char *text, void *where, char **error);        /* unsigned */
int option_lines(const char *name, const char *text, void *where, char **error);        /* OptionalLines */
int option_time(const char *name, const char *text, void *where, char **error);         /* uint64_t, microseconds of the realtime clock */
int option_result(const char *name, const char *text, void *where, char **error);       /* const char * */
