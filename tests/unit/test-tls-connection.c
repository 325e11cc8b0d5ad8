/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * TLS over a connection: a device that is made up here lends sockets of servers in this process. What is answered to
 * it, which reason of several a failure tells, and what is noted.
 */

#include "directory.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <stdarg.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "control.h"
#include "tls-server.h"
#include "util.h"

/* ---- The device ----------------------------------------------------------------------------------- */

/* One event. The last of a script has type 0. */
typedef struct Step {
        struct kftp_run event;
        const char *text;
        TestServer *lend;               /* TLS */
        bool answered;                  /* error is that of the answer */
        bool while_lent;                /* before there is an answer */
} Step;

static struct {
        int fd;
        const Step *script;
        uint64_t features;
        struct kftp_connect connect;
        struct kftp_tls control, answer;        /* the first one, and the last */
        unsigned connects, answers;
} device;

static int refuse(int error) {
        errno = error;
        return -1;
}

static void (*while_connected)(void);   /* called when CONNECTED is reported */

static KftpControl *cancelled_when_lent;

static int device_run(struct kftp_run *run) {
        struct kftp_run in = *run;
        const Step *s = device.script;

        if (s->event.type == 0)
                return refuse(ENOTCONN);
        if (run->flags & KFTP_RUN_NONBLOCK && !s->while_lent)
                return refuse(EAGAIN);
        device.script++;
        if (s->event.type == KFTP_EVENT_CONNECTED && while_connected)
                while_connected();
        *run = s->event;
        run->size = in.size;
        run->text_len = (uint32_t) strlen(strempty(s->text));
        memcpy((char *) (uintptr_t) in.text, strempty(s->text), run->text_len);
        run->fd = s->lend ? test_server_start(s->lend) : -1;
        if (s->lend && cancelled_when_lent)
                kftp_control_cancel(cancelled_when_lent);
        if (s->answered)
                run->error = device.answer.error;
        if (s->lend && device.script->while_lent)
                assert_true(write(device.fd, &(uint64_t) { 1 }, sizeof(uint64_t)) >= 0);
        return 0;
}

static int device_call(unsigned long request, void *argument) {
        struct kftp_info *info = argument;

        switch (request) {
        case KFTP_INFO:
                info->abi = KFTP_ABI_VERSION;
                info->features = device.features;
                info->local.family = AF_INET;
                return 0;
        case KFTP_CONNECT:
                device.connects++;
                device.connect = *(struct kftp_connect *) argument;
                return 0;
        case KFTP_RUN:
                return device_run(argument);
        case KFTP_TLS:
                device.answer = *(struct kftp_tls *) argument;
                if (device.answers++ == 0)
                        device.control = device.answer;
                return 0;
        case KFTP_SUBMIT:
        case KFTP_CANCEL:
                return 0;
        default:
                return refuse(ENOTTY);
        }
}

/* Stands in for the C library's. */
int ioctl(int fd, unsigned long request, ...) {
        void *argument;
        va_list ap;

        va_start(ap, request);
        argument = va_arg(ap, void *);
        va_end(ap);
        return fd == device.fd ? device_call(request, argument) : (int) syscall(SYS_ioctl, fd, request, argument);
}

/* Stands in for the C library's, too; only the device is another file. */
int open(const char *path, int flags, ...) {
        mode_t mode = 0;
        va_list ap;

        va_start(ap, flags);
        if (flags & (O_CREAT | __O_TMPFILE))
                mode = va_arg(ap, mode_t);
        va_end(ap);
        if (!streq(path, KFTP_DEVICE))
                return (int) syscall(SYS_openat, AT_FDCWD, path, flags, mode);
        device.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        return device.fd;
}

/* ---- The connection -------------------------------------------------------------------------------- */

static TestCertificate ca, leaf, strange;
static KftpOptions options;
static KftpClient *client;
static KftpResult result;
static char warnings[1024], lines[512], secured[256];

static void append(char *to, size_t size, const char *text, size_t n) {
        size_t at = strlen(to);

        (void) snprintf(to + at, size - at, "%.*s\n", (int) n, text);
}

static void take_warning(void *userdata, const char *text) {
        (void) userdata;
        append(warnings, sizeof(warnings), text, strlen(text));
}

static void take_line(void *userdata, bool sent, const char *text, size_t n) {
        (void) userdata;
        (void) sent;
        append(lines, sizeof(lines), text, n);
}

static void take_tls(void *userdata, enum kftp_role channel, const KftpTlsState *s) {
        _cleanup_free_ char *state = kftp_tls_format(s), *text = NULL;

        (void) userdata;
        assert_true(asprintf(&text, "%s %s", channel == KFTP_ROLE_CONTROL ? "control" : "data", state) > 0);
        append(secured, sizeof(secured), text, strlen(text));
}

/* Which takes leave of a server that is not there any more. */
static void drop_client(void) {
        static const Step nothing;

        device.script = &nothing;
        kftp_client_free(client);
        client = NULL;
        kftp_result_done(&result);
}

static int set_up(void **state) {
        int r = test_directory_set_up(state);

        test_certificate_make(&ca, NULL, "Test CA", true, -TEST_DAY, TEST_DAY);
        test_certificate_make(&leaf, &ca, "127.0.0.1", false, -TEST_DAY, TEST_DAY);
        test_certificate_make(&strange, NULL, "127.0.0.1", false, -TEST_DAY, TEST_DAY);
        test_certificate_write(&ca, "ca.pem", true, false);
        options = (KftpOptions) {
                .timeout_usec = 20 * USEC_PER_SEC,
                .callbacks = { .warning = take_warning, .line = take_line, .tls = take_tls },
                .tls = { .mode = KFTP_TLS_REQUIRED, .ca_file = "ca.pem" },
        };
        memset(&device, 0, sizeof(device));
        device.fd = -1;
        device.features = KFTP_FEATURE_TLS;
        test_kernel = (TestKernel) {};
        while_connected = NULL;
        cancelled_when_lent = NULL;
        warnings[0] = lines[0] = secured[0] = '\0';
        return r;
}

static int tear_down(void **state) {
        drop_client();
        test_certificate_done(&ca);
        test_certificate_done(&leaf);
        test_certificate_done(&strange);
        return test_directory_tear_down(state);
}
#define WITH_CA(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

/* Fetches a file; the calls after the first one over the same connection. */
static int fetch(const char *text, const Step *script) {
        _cleanup_close_ int fd = memfd_create("output", MFD_CLOEXEC);
        KftpUrl url;
        int r;

        if (script)
                device.script = script;
        if (!client)
                assert_int_equal(kftp_client_new(&client, &options), 0);
        kftp_result_done(&result);
        assert_int_equal(kftp_url_parse(text, &url, NULL), 0);
        r = kftp_client_cat(client, &url, fd, &(KftpPart) {}, &result);
        kftp_url_done(&url);
        if (r < 0)
                print_message("    %s\n", result.failure.text);
        return r;
}

static void expect(int r, int error, enum kftp_class class, bool transient, const char *text) {
        assert_int_equal(r, error);
        assert_int_equal(result.failure.class, class);
        assert_int_equal(result.failure.transient, transient);
        assert_int_equal(result.failure.error, error);
        if (!strstr(result.failure.text, text))
                fail_msg("\"%s\" is not in \"%s\"", text, result.failure.text);
}

#define EVENT(t, ...) { .event = { .type = KFTP_EVENT_##t, __VA_ARGS__ } }
#define LEND(role, server) { .event = { .type = KFTP_EVENT_TLS, .channel = KFTP_ROLE_##role }, .lend = (server) }
#define LINE(flags, t) { .event = { .type = KFTP_EVENT_LINE, .event_flags = (flags) }, .text = (t) }

/* ---- Tests ------------------------------------------------------------------------------------------- */

static void test_a_file(void **state) {
        TestServer control = { .certificate = &leaf }, data = { .behaviour = TEST_ECHOES, .certificate = &leaf };
        const Step script[] = {
                LEND(CONTROL, &control), EVENT(CONNECTED), LEND(DATA, &data),
                { .event = { .type = KFTP_EVENT_DONE, .event_flags = KFTP_EVENT_ENCRYPTED, .reply = 226 }, .text = "226 Done" }, EVENT(NONE),
        };
        _cleanup_free_ char *text = NULL;

        (void) state;
        assert_int_equal(fetch("ftp://127.0.0.1/x", script), 0);
        assert_int_equal(device.connect.tls, KFTP_TLS_REQUIRED);
        assert_int_equal(device.control.channel, KFTP_ROLE_CONTROL);
        assert_int_equal(device.control.error, 0);
        assert_int_equal(device.control.flags, KFTP_TLS_PROT_DONE);
        assert_int_equal(device.control.version, 0x0304);
        assert_int_equal(device.answers, 2);
        assert_int_equal(device.answer.channel, KFTP_ROLE_DATA);
        assert_int_equal(device.answer.flags, KFTP_TLS_RESUMED);
        text = kftp_tls_format(&result.data_tls);
        assert_string_equal(text, "TLS1.3 TLS_AES_256_GCM_SHA384 resumed");
        assert_int_equal(result.tls.version, 0x0304);
        assert_false(result.tls.resumed);
        assert_string_equal(secured, "control TLS1.3 TLS_AES_256_GCM_SHA384\ndata TLS1.3 TLS_AES_256_GCM_SHA384 resumed\n");
        assert_string_equal(warnings, "");
        test_server_join(&control);
        test_server_join(&data);
}

static void test_implicit(void **state) {
        TestServer control = { .behaviour = TEST_GREETS, .certificate = &leaf, .greeting = "220 Hello\r\n" };
        const Step script[] = { LEND(CONTROL, &control), EVENT(CONNECTED), EVENT(DONE, .reply = 226), EVENT(NONE) };

        (void) state;
        options.tls.mode = KFTP_TLS_NONE;
        assert_int_equal(fetch("ftps://127.0.0.1/x", script), 0);
        assert_int_equal(device.connect.tls, KFTP_TLS_IMPLICIT);
        assert_int_equal(ntohs(device.connect.peer.port), 990);
        assert_int_equal(device.answer.pending_len, strlen("220 Hello\r\n"));
        test_server_join(&control);
}

static void test_implicit_without_ftps(void **state) {
        const Step script[] = { EVENT(CLOSED, .error = -ECONNREFUSED), EVENT(NONE) };

        (void) state;
        options.tls.mode = KFTP_TLS_IMPLICIT;
        assert_true(fetch("ftp://127.0.0.1/x", script) < 0);
        assert_int_equal(ntohs(device.connect.peer.port), 990);
        assert_true(fetch("ftp://127.0.0.1:21/x", script) < 0);
        assert_int_equal(ntohs(device.connect.peer.port), 21);
        drop_client();
        options.tls.mode = KFTP_TLS_OPPORTUNISTIC;
        device.connects = 0;
        expect(fetch("ftps://127.0.0.1/x", script), -EINVAL, KFTP_CLASS_USAGE, false, "ftps://");
        assert_int_equal(device.connects, 0);
}

static void test_certificate_refused(void **state) {
        TestServer control = { .certificate = &strange };
        const Step script[] = { LEND(CONTROL, &control), { .event = { .type = KFTP_EVENT_CLOSED }, .answered = true }, EVENT(NONE) };

        (void) state;
        expect(fetch("ftp://127.0.0.1/x", script), -EACCES, KFTP_CLASS_TLS, false, "127.0.0.1:21: its certificate is self-signed");
        assert_int_equal(device.answer.error, -EACCES);
        assert_string_equal(secured, "");
        test_server_join(&control);
}

/* Who cannot read the files that were named has nothing to connect for. */
static void test_files_first(void **state) {
        const Step script[] = { EVENT(CONNECTED), EVENT(DONE, .reply = 226), EVENT(NONE) };

        (void) state;
        options.tls.ca_file = "none.pem";
        expect(fetch("ftp://127.0.0.1/x", script), -ENOENT, KFTP_CLASS_LOCAL, false, "cannot read none.pem");
        assert_int_equal(device.connects, 0);
}

static void test_data_refused_by_the_server(void **state) {
        TestServer control = { .certificate = &leaf }, data = { .behaviour = TEST_TALKS_GARBAGE };
        const Step script[] = {
                LEND(CONTROL, &control), EVENT(CONNECTED), LEND(DATA, &data),
                { .event = { .type = KFTP_EVENT_DONE, .error = -EREMOTEIO, .reply = 522 }, .text = "522 session reuse required" }, EVENT(NONE),
        };

        (void) state;
        while_connected = test_servers_forget_tickets;
        expect(fetch("ftp://127.0.0.1/x", script), -EREMOTEIO, KFTP_CLASS_TLS, false,
               "\"522 session reuse required\"; and before that, the data connection to 127.0.0.1:21: what the server sends is no TLS");
        assert_int_equal(result.failure.reply, 522);
        test_server_join(&control);
        test_server_join(&data);
}

/* The module has compared what came with SIZE. */
static void test_without_close_notify(void **state) {
        TestServer control = { .certificate = &leaf }, data = { .behaviour = TEST_ECHOES, .certificate = &leaf };
        const Step script[] = {
                LEND(CONTROL, &control), EVENT(CONNECTED), LEND(DATA, &data),
                EVENT(DONE, .event_flags = KFTP_EVENT_ENCRYPTED | KFTP_EVENT_UNCLEAN, .reply = 226), EVENT(NONE),
        };

        (void) state;
        assert_int_equal(fetch("ftp://127.0.0.1/x", script), 0);
        assert_string_equal(warnings, "\"x\" from 127.0.0.1:21 ended without TLS's close_notify; its size is right, so it is taken\n");
        test_server_join(&control);
        test_server_join(&data);
}

/* The server's complaint about our refusal is no reason. */
static void test_data_refused_by_us(void **state) {
        TestServer control = { .certificate = &leaf }, data = { .behaviour = TEST_ECHOES, .certificate = &strange };
        const Step script[] = {
                LEND(CONTROL, &control), EVENT(CONNECTED), LEND(DATA, &data),
                { .event = { .type = KFTP_EVENT_DONE, .error = -EREMOTEIO, .reply = 425 }, .text = "425 TLS failed" }, EVENT(NONE),
        };

        (void) state;
        while_connected = test_servers_forget_tickets;
        expect(fetch("ftp://127.0.0.1/x", script), -EACCES, KFTP_CLASS_TLS, false, "the data connection to 127.0.0.1:21: its certificate is self-signed");
        test_server_join(&control);
        test_server_join(&data);
}

/* The device goes on while a socket is lent. */
static void test_refused_meanwhile(void **state) {
        TestServer control = { .certificate = &leaf }, data = { .behaviour = TEST_IS_SILENT, .certificate = &leaf };
        const Step script[] = {
                LEND(CONTROL, &control), EVENT(CONNECTED), LEND(DATA, &data),
                { .event = { .type = KFTP_EVENT_LINE }, .text = "550 No such file", .while_lent = true },
                { .event = { .type = KFTP_EVENT_DONE, .error = -EREMOTEIO, .reply = 550 }, .text = "550 No such file", .while_lent = true },
                EVENT(NONE),
        };

        (void) state;
        expect(fetch("ftp://127.0.0.1/x", script), -EREMOTEIO, KFTP_CLASS_REMOTE, false, "\"x\" not sent by 127.0.0.1:21: \"550 No such file\"");
        assert_null(strstr(result.failure.text, "TLS"));
        assert_int_equal(device.answers, 1);
        assert_string_equal(lines, "PBSZ 0\n200 Fine\nPROT P\n200 Fine\n550 No such file\n");
        test_server_join(&control);
        test_server_join(&data);
}

/* What has nothing to do with TLS, nor with a device that is not there, is not told as that. */
static void test_broken_meanwhile(void **state) {
        TestServer control = { .behaviour = TEST_IS_SILENT, .certificate = &leaf };
        const Step script[] = { LEND(CONTROL, &control), { .while_lent = true } };

        (void) state;
        expect(fetch("ftp://127.0.0.1/x", script), -ENOTCONN, KFTP_CLASS_OTHER, false, "KFTP_RUN: ");
        assert_int_equal(device.answers, 0);
        test_server_join(&control);
}

static void test_deadline_of_the_device(void **state) {
        TestServer control = { .behaviour = TEST_IS_SILENT, .certificate = &leaf };
        const Step script[] = { LEND(CONTROL, &control), { .event = { .type = KFTP_EVENT_CLOSED, .error = -ETIMEDOUT }, .while_lent = true }, EVENT(NONE) };

        (void) state;
        expect(fetch("ftp://127.0.0.1/x", script), -ETIMEDOUT, KFTP_CLASS_NETWORK, true, "the TLS handshake did not come to an end within 20 s");
        assert_int_equal(device.answers, 0);
        test_server_join(&control);
}

static void test_cancelled(void **state) {
        TestServer control = { .behaviour = TEST_IS_SILENT, .certificate = &leaf };
        const Step script[] = { LEND(CONTROL, &control), EVENT(CLOSED, .error = -ECANCELED), EVENT(NONE) };

        (void) state;
        assert_int_equal(kftp_control_new(&options.control), 0);
        cancelled_when_lent = options.control;
        expect(fetch("ftp://127.0.0.1/x", script), -ECANCELED, KFTP_CLASS_INTERRUPTED, false, "interrupted");
        assert_int_equal(device.answer.error, -ECANCELED);
        test_server_join(&control);
        drop_client();
        kftp_control_free(options.control);
}

/* ---- Without TLS ----------------------------------------------------------------------------------------- */

static void test_kernel_without(void **state) {
        const Step script[] = { EVENT(CONNECTED), EVENT(DONE, .reply = 226), EVENT(NONE) };

        (void) state;
        device.features = 0;
        expect(fetch("ftp://127.0.0.1/x", script), -EOPNOTSUPP, KFTP_CLASS_TLS, false, "CONFIG_TLS");
        assert_int_equal(device.connects, 0);
        drop_client();
        options.tls.mode = KFTP_TLS_OPPORTUNISTIC;
        assert_int_equal(fetch("ftp://127.0.0.1/x", script), 0);
        assert_int_equal(device.connect.tls, KFTP_TLS_NONE);
        assert_non_null(strstr(warnings, "CONFIG_TLS"));
        assert_null(strstr(strchr(warnings, '\n') + 1, "TLS"));
}

static void test_server_without(void **state) {
        const Step script[] = {
                LINE(KFTP_EVENT_SENT, "AUTH TLS"), LINE(0, "500 Unknown command."), LINE(KFTP_EVENT_SENT, "AUTH SSL"), LINE(0, "502 No."),
                LINE(KFTP_EVENT_SENT, "USER bob"), LINE(0, "230 In."), EVENT(CONNECTED), EVENT(DONE, .reply = 226), EVENT(NONE),
        };

        (void) state;
        options.tls.mode = KFTP_TLS_OPPORTUNISTIC;
        assert_int_equal(fetch("ftp://127.0.0.1/x", script), 0);
        assert_string_equal(warnings, "127.0.0.1:21 has no TLS (502 No.): going on in clear text, the password included\n");
}

static void test_data_in_clear(void **state) {
        TestServer control = { .certificate = &leaf, .replies = { NULL, "536 Not here\r\n" } };
        const Step script[] = {
                LEND(CONTROL, &control), LINE(KFTP_EVENT_SENT, "PROT P"), LINE(0, "536 Not here"), EVENT(CONNECTED),
                EVENT(DONE, .reply = 226, .peer = { .family = AF_INET }), EVENT(DONE, .reply = 226, .peer = { .family = AF_INET }), EVENT(NONE),
        };

        (void) state;
        options.tls.mode = KFTP_TLS_OPPORTUNISTIC;
        assert_int_equal(fetch("ftp://127.0.0.1/x", script), 0);
        assert_int_equal(device.answer.flags, 0);
        assert_int_equal(result.tls.version, 0x0304);
        assert_int_equal(result.data_tls.version, 0);
        assert_string_equal(warnings, "127.0.0.1:21 does not encrypt data connections (536 Not here): files and listings go in clear text\n");
        test_server_join(&control);
}

/* To the module that is a refusal as well. */
static void test_data_in_clear_after_nonsense(void **state) {
        TestServer control = { .certificate = &leaf, .replies = { NULL, "334 Well\r\n" } };
        const Step script[] = {
                LINE(KFTP_EVENT_SENT, "AUTH TLS"), LINE(0, "234 Go"), LEND(CONTROL, &control), LINE(KFTP_EVENT_SENT, "PROT P"), LINE(0, "334 Well"),
                EVENT(CONNECTED), EVENT(DONE, .reply = 226), EVENT(NONE),
        };

        (void) state;
        options.tls.mode = KFTP_TLS_OPPORTUNISTIC;
        assert_int_equal(fetch("ftp://127.0.0.1/x", script), 0);
        assert_string_equal(warnings, "127.0.0.1:21 does not encrypt data connections (334 Well): files and listings go in clear text\n");
        test_server_join(&control);
}

/* The module does not ask for PROT again: nothing is in clear text, whatever the server called its consent to AUTH. */
static void test_data_not_in_clear(void **state) {
        TestServer control = { .certificate = &leaf };
        const Step script[] = {
                LINE(KFTP_EVENT_SENT, "AUTH SSL"), LINE(0, "334 Go"), LEND(CONTROL, &control),
                EVENT(CONNECTED), EVENT(DONE, .reply = 226), EVENT(NONE),
        };

        (void) state;
        options.tls.mode = KFTP_TLS_OPPORTUNISTIC;
        assert_int_equal(fetch("ftp://127.0.0.1/x", script), 0);
        assert_string_equal(warnings, "");
        test_server_join(&control);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                WITH_CA(test_a_file),
                WITH_CA(test_implicit),
                WITH_CA(test_implicit_without_ftps),
                WITH_CA(test_certificate_refused),
                WITH_CA(test_files_first),
                WITH_CA(test_data_refused_by_the_server),
                WITH_CA(test_without_close_notify),
                WITH_CA(test_data_refused_by_us),
                WITH_CA(test_refused_meanwhile),
                WITH_CA(test_broken_meanwhile),
                WITH_CA(test_deadline_of_the_device),
                WITH_CA(test_cancelled),
                WITH_CA(test_kernel_without),
                WITH_CA(test_server_without),
                WITH_CA(test_data_in_clear),
                WITH_CA(test_data_in_clear_after_nonsense),
                WITH_CA(test_data_not_in_clear),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
