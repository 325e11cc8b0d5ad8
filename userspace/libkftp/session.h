/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "libkftp.h"

/* An open device: one session, driven by one thread. */
typedef struct KftpSession {
        int fd;
        KftpControl *control;           /* borrowed, may be NULL */
        struct kftp_run event;          /* the last one */
        char text[KFTP_MAX_LINE];       /* its text, not terminated */
        size_t text_len;
        bool closed;                    /* CLOSED was seen */
        uint64_t features;              /* KFTP_FEATURE_* of the module */
} KftpSession;

/* Opens the device and checks that the module speaks our version of the contract. */
int kftp_session_open(KftpSession *s, KftpControl *control, KftpFailure *f);

/* What belongs to the server rather than to the options. */
typedef struct KftpSessionLogin {
        const char *host;
        const char *user;               /* the URL's; NULL: none */
        uint32_t methods_off;
        enum kftp_tls_mode tls;         /* in effect */
} KftpSessionLogin;

/* Arms the session for peer as o says; its user comes before the login's. */
int kftp_session_connect(KftpSession *s, const KftpSessionLogin *login, const struct kftp_addr *peer, const KftpOptions *o, KftpFailure *f);

int kftp_session_submit(KftpSession *s, const struct kftp_submit *request, KftpFailure *f);

/*
 * Drives the session to its next event, at most max_bytes further (0: no limit). Goes on after
 * signals: what is to stop it cancels by the control.
 */
int kftp_session_run(KftpSession *s, uint64_t max_bytes);
/* The same without waiting: -EAGAIN if there is none. */
int kftp_session_run_now(KftpSession *s);

int kftp_session_info(const KftpSession *s, struct kftp_info *ret);
/* Answers a TLS event; -ESRCH: nobody waits for it any more. */
int kftp_session_tls(KftpSession *s, const struct kftp_tls *answer);

/* Whether the TCP handshake of the control connection was done. */
bool kftp_session_connected(const KftpSession *s);

/* Tells the line of the dialogue that is the last event. */
void kftp_session_tell_line(const KftpSession *s, const KftpCallbacks *callbacks);

/* Takes leave of the server, briefly. Nothing depends on whether that succeeds. */
void kftp_session_quit(KftpSession *s, const KftpCallbacks *callbacks);

/* Ends the session in whatever state it is. */
void kftp_session_close(KftpSession *s);
