/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A directory for each test, gone with all its content when the test is over. */

#include "directory.h"

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

char test_directory[32];

int test_directory_set_up(void **state) {
        (void) state;
        strcpy(test_directory, "/tmp/kftp-test-XXXXXX");
        return mkdtemp(test_directory) && chdir(test_directory) >= 0 ? 0 : -1;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw) {
        (void) st;
        (void) type;
        (void) ftw;
        return remove(path);
}

int test_directory_tear_down(void **state) {
        (void) state;
        return chdir("/") < 0 ? -1 : nftw(test_directory, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

void test_write_file(const char *path, const char *text) {
        int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

        assert_true(fd >= 0);
        assert_int_equal(write(fd, text, strlen(text)), strlen(text));
        close(fd);
}
