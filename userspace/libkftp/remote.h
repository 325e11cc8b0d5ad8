/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "connection.h"

typedef enum KftpPresence {
        KFTP_PRESENCE_UNKNOWN,          /* the server does not tell, or the connection is gone */
        KFTP_ABSENT,
        KFTP_PRESENT_DIRECTORY,
        KFTP_PRESENT,                   /* something else than a directory */
} KftpPresence;

/* Looks whether there is something of that name on the server, by MLST, SIZE and CWD. */
KftpPresence kftp_remote_look(KftpConnection *c, const char *path);
