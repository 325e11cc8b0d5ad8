/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One upload after another to the server in memory. */

#include <unistd.h>

#include "uploading.h"
#include "util.h"

KftpOptions options;
KftpPutOptions put_options;
KftpResult result;

int uploading_set_up(void **state) {
        options = (KftpOptions) { .retry_usec = 1, .retries = 3 };
        put_options = (KftpPutOptions) {};
        result = (KftpResult) {};
        return test_directory_set_up(state) || fake_server_set_up(state);
}

int uploading_tear_down(void **state) {
        kftp_result_done(&result);
        return fake_server_tear_down(state) || test_directory_tear_down(state);
}

enum kftp_class put_over(KftpClient *c, const char *source, const char *text) {
        KftpUrl url = URL(text);
        int r;

        kftp_result_done(&result);
        r = kftp_client_put(c, source, &url, &put_options, &result);
        assert_int_equal(r < 0, result.failure.class != KFTP_CLASS_OK);
        kftp_url_done(&url);
        if (r < 0)
                print_message("    %s\n", result.failure.text);
        return result.failure.class;
}

enum kftp_class put(const char *source, const char *text) {
        enum kftp_class class;
        KftpClient *c;

        assert_int_equal(kftp_client_new(&c, &options), 0);
        class = put_over(c, source, text);
        kftp_client_free(c);
        return class;
}

enum kftp_class put_stdin(int fd, const char *url) {
        int saved = dup(STDIN_FILENO);
        enum kftp_class class;

        assert_true(dup2(fd, STDIN_FILENO) >= 0);
        close(fd);
        class = put("-", url);
        assert_true(dup2(saved, STDIN_FILENO) >= 0);
        close(saved);
        return class;
}

int filled_pipe(const char *text) {
        int fd[2];

        assert_int_equal(pipe(fd), 0);
        assert_int_equal(write(fd[1], text, strlen(text)), strlen(text));
        close(fd[1]);
        return fd[0];
}

void expect_text(const char *text) {
        assert_non_null(result.failure.text);
        assert_non_null(strstr(result.failure.text, text));
}
