/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "libkftp.h"

/* The arguments of "kftp get", checked. Strings are argv's. */
typedef struct GetArguments {
        const char *url;
        const char *dest;               /* NULL: none given */
        bool resume;
        bool json;
        bool verbose;
        bool quiet;
        bool no_progress;
        enum kftp_data_mode data_mode;
        struct kftp_addr source;        /* family 0: none given */
        unsigned ifindex;
        const char *user;
        const char *password_file;
        uint64_t timeout_usec;          /* 0: default */
        unsigned retries;
} GetArguments;

/* argv[0] is "get". -EINVAL: *error gets an allocated sentence. */
int get_arguments_parse(int argc, char **argv, GetArguments *ret, char **error);
