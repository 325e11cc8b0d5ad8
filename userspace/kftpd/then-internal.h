/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* What the two sides of Then= have of what they have in common. */

#include "then.h"

#define THEN_COLLISIONS_MAX 10000U      /* names that are tried: NAME, NAME.1, NAME.2, ... */

typedef struct ThenPlace {
        const KftpJob *job;
        const KftpThen *then;
        KftpClient *client;
        char *directory;                /* where the file is */
        char *to;                       /* where it is moved to; NULL: nowhere */
        char *marker;                   /* of a file here, which goes with it; NULL: none */
} ThenPlace;

/*
 * Whether the file is still the one that was transferred: THEN_KEPT (it is there, nothing has been done yet), THEN_DONE (it is
 * gone), THEN_CHANGED with *ret_text.
 */
int then_local_check(const ThenPlace *p, const ThenFile *file, char **ret_text, KftpFailure *f);
int then_remote_check(const ThenPlace *p, const ThenFile *file, char **ret_text, KftpFailure *f);

/* Deletes or moves it, whatever it is by now: THEN_DONE, with *ret_text of what was moved. */
int then_local(const ThenPlace *p, const ThenFile *file, char **ret_text, KftpFailure *f);
int then_remote(const ThenPlace *p, const ThenFile *file, char **ret_text, KftpFailure *f);

/* The name that is tried when n others were taken. Allocated. */
char *then_numbered(const char *name, unsigned n);
