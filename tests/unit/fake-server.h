/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Connections that need neither device nor server: a file system in memory that answers as a server does, and
 * misbehaves on demand. Takes the place of libkftp/connection*.c in a test that uses it.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "libkftp.h"

#define FAKE_FILES_MAX 16

typedef struct FakeFile {
        char *path;                     /* NULL: unused */
        char *data;
        size_t size;
        bool directory;
        int64_t mtime;
        unsigned mode;
} FakeFile;

typedef struct FakeServer {
        FakeFile files[FAKE_FILES_MAX];
        char *log;                      /* "SIZE x\n" for each request */
        uint64_t feat;                  /* KFTP_FEAT_* */
        unsigned connections;           /* opened */
        enum kftp_tls_mode tls_mode;    /* of the last one */
        char proxy_login[64];           /* "USER:PASSWORD" for the proxy of the last one; "": none */

        bool no_size;                   /* SIZE: 500 */
        unsigned size_off;              /* SIZE is so many bytes more than is listed */
        bool no_rest;                   /* for uploads */
        bool no_appe;
        bool no_restart;                /* STOR and APPE to what is there: 451 */
        bool no_hidden;                 /* names that begin with a dot: 553 */
        bool no_rename_over;
        bool no_dele;
        bool no_mfmt;
        unsigned store_reply;           /* of the last reply to uploads, 226 unless set */
        bool changes_spaces;            /* RNTO makes "_" of a space at the end, and says nothing */
        bool loses_last_byte;           /* of uploads, and says 226 */

        unsigned cuts;                  /* so many uploads lose their connection ... */
        size_t cut_after;               /* ... after so many bytes */
        bool cut_in_rename;             /* the next rename is done, but its reply is lost */
        bool takes_renamed;             /* and what it has renamed is fetched and removed at once */
        bool cut_before_rename;         /* the next rename is not done, and the connection lost */
        unsigned rnfr_reply;            /* RNFR is refused with this, */
        unsigned rnto_reply;            /* or RNTO */
        unsigned rnto_busy;             /* so many RNTO get 450 */
        unsigned hidden_size_reply;     /* SIZE of hidden names, but over the first connection */
        bool keeps_old;                 /* what is cut leaves the older file as it was */
        unsigned stou_refused;          /* so many STOU get 425 after the name was told */
        bool no_pwd;
        bool forgets_size;              /* SIZE: 550, whatever is there */
        bool cut_in_change;             /* the same of the next DELE, MKD or RMD */
        bool hangs_up;                  /* the next request on an open connection finds it dead */
        unsigned busy_logins;           /* so many log-ins get 421 */
        bool refuses_login;
        bool denies;                    /* SIZE, CWD and all changes: 550 Permission denied */
        bool sends_more;                /* downloads: one byte more than SIZE said */
        bool ends_badly;                /* their TLS without close_notify */
        bool no_mdtm;
        unsigned look_reply;            /* of SIZE and CWD to what is there, if not 0 */
        bool cut_in_mdtm;               /* the next MDTM loses the connection */
        void (*while_storing)(void);    /* called in the middle of an upload */
} FakeServer;

extern FakeServer fake_server;

int fake_server_set_up(void **state);
int fake_server_tear_down(void **state);

void fake_server_add(const char *path, const char *text);
void fake_server_add_directory(const char *path);
/* The content, terminated; NULL: no such file. */
const char *fake_server_get(const char *path);
const FakeFile *fake_server_file(const char *path);
unsigned fake_server_count(void);
/* How often a request that begins like this was made. */
unsigned fake_server_asked(const char *begin);
