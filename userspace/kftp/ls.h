/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stdio.h>

#include "libkftp.h"

typedef enum LsForm {
        LS_LONG,                        /* as ls -l */
        LS_NAMES,
        LS_JSON,
} LsForm;

/* A listing being written, entry by entry. */
typedef struct LsOutput {
        FILE *file;
        LsForm form;
        bool escape;                    /* for a terminal */
        uint64_t entries;               /* written so far */
} LsOutput;

/* A KftpEntryCallback: userdata is the LsOutput. -errno if it cannot be written. */
int ls_entry(void *userdata, const KftpEntry *entry);

/* After the last entry. */
int ls_end(LsOutput *o);
