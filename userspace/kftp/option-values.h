/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* How options take their values: see struct Option. where is of the type that stands behind the name. */
int option_flag(const char *text, void *where, char **error);           /* bool */
int option_tls(const char *text, void *where, char **error);            /* OptionalTls */
int option_tls_min(const char *text, void *where, char **error);        /* uint16_t, as in TLS */
int option_pin(const char *text, void *where, char **error);            /* const char * */
int option_text(const char *text, void *where, char **error);           /* const char * */
int option_user(const char *text, void *where, char **error);           /* const char * */
int option_active(const char *text, void *where, char **error);         /* enum kftp_data_mode */
int option_source(const char *text, void *where, char **error);         /* struct kftp_addr */
int option_interface(const char *text, void *where, char **error);      /* unsigned */
int option_timeout(const char *text, void *where, char **error);        /* uint64_t, microseconds */
int option_retries(const char *text, void *where, char **error);        /* unsigned */
int option_rate(const char *text, void *where, char **error);           /* uint64_t */
int option_range(const char *text, void *where, char **error);          /* KftpRange */
int option_verify(const char *text, void *where, char **error);         /* unsigned */
int option_mode(const char *text, void *where, char **error);           /* OptionalMode */
