/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Looks for room before a file is fetched: to fill a file system, and fail then, hurts others too. */

#include <errno.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "failure.h"
#include "format.h"
#include "space.h"
#include "util.h"

#define BLOCK 512U                      /* of st_blocks, whatever the file system's are */

uint64_t space_taken(const char *path) {
        struct stat st;

        return lstat(path, &st) >= 0 && S_ISREG(st.st_mode) ? (uint64_t) st.st_blocks * BLOCK : 0;
}

int space_check(const char *directory, uint64_t needed, const char *what, KftpFailure *f) {
        char wanted[KFTP_FORMAT_MAX], there[KFTP_FORMAT_MAX];
        struct statvfs fs;
        uint64_t free_bytes;

        /* Some file systems do not know their size, and say 0. */
        if (needed == KFTP_SIZE_UNKNOWN || statvfs(directory, &fs) < 0 || fs.f_blocks == 0)
                return 0;
        if (__builtin_mul_overflow((uint64_t) fs.f_bavail, (uint64_t) fs.f_frsize, &free_bytes) || needed <= free_bytes)
                return 0;
        return kftp_failure_set(f, KFTP_CLASS_LOCAL, -ENOSPC, true,
                                "%s: %s are free on its file system, and %s are needed for %s: make room there, or let Path= be on another file system",
                                directory, kftp_format_bytes(there, free_bytes), kftp_format_bytes(wanted, needed), what);
}
