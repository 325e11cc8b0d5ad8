/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * kftpd without a device, for tests: the real manager in a child process, with directories of its own
 * and a double of kftp_get. What it sends to the journal and to the service manager, and what
 * the doubles were asked to do, comes here as records.
 *
 * That of kftp_get acts by the first part of the URL's path:
 *   ok     transfers a file of 11 bytes
 *   hold   the same, once the file "go" is there; until then it can be cancelled
 *   fail   a permanent refusal
 *   wordy  a refusal that takes many words
 *   untrusted  fails as a certificate that is not to be trusted
 *   flaky  fails each time with what may pass
 *   nohost the same with an unknown host, which for the library does not pass
 * and by marker files in the directory:
 *   no-device             there is no device
 *   crash-after-2         SIGKILL in the third attempt of flaky
 *   crash-before-rename   SIGKILL between intent and rename
 *   crash-after-rename    SIGKILL behind the rename
 *   linger                stays between the rename and its return
 *   deaf                  hold does not end yet, although it is told to
 *   lose-temporary        somebody removes the file between intent and rename
 *   rename-fails          and it stays under its temporary name
 * Of the last two the marker is gone then.
 * A crash removes its marker.
 *
 * That of kftp_mirror touches no files; it acts by the first part of the URL's path as well:
 *   ok     a file, a link, a directory, a time that is set, two removals; three were the same
 *   move   a file, which is removed from the source
 *   many   150 files
 *   hold   a file, and another one once the file "go" is there
 *   some   a file; another one is busy, a third one refused, and a directory cannot be listed
 *   passing  a file, and another one is busy; as some, if there is the file "for-good"
 *   warn   nothing but a warning
 *   busy   the same mirror runs already
 *   flaky, no-device  as above
 *
 * A set's source is the test's directory source/, in which these names are special:
 *   growing-*  is not complete yet
 *   hold-*     is delivered once the file "go" is there; until then it can be cancelled
 *   busy-*     may pass, and does once "go" is there
 *   down-*     the same, as the server hangs up
 *   bad-*      a permanent refusal
 * It is there for any URL, but for the first part of its path:
 *   full   the server lets nobody in, as it has too many connections
 * Markers, beside those above: crash-before-then, crash-after-then, then-fails; then-changed: what is to be deleted or moved seems
 * to be another version; replace: a file is replaced between its listing and its transfer (once). Also
 * then-replaced (once): it becomes another version ("another").
 *
 * An upload's server is the directory out/; of a single one, too, the source is source/. It acts by the names:
 *   full-*     a permanent refusal, until "go" is there
 * and the marker reply-lost, which is removed: the file gets its name, and the connection is lost.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "kftpd/manager.h"
#include "util.h"

typedef struct Daemon {
        char directory[32];
        pid_t pid;                      /* 0: it does not run */
        unsigned max_running;
        bool watchdog;
        bool unprivileged;              /* runs as nobody: needs root to begin with */
        unsigned drop_in_watches;       /* how many directories of drop-ins it may watch */
        int records_fd[2];
        int notify_fd;
        char *records;
} Daemon;

int daemon_setup(void **state);
int daemon_teardown(void **state);

void daemon_start(Daemon *d);
/* Sends the signal, and asserts that the daemon ends by itself with status 0, or by SIGKILL. */
void daemon_stop(Daemon *d, int signal);
/* Waits until it has killed itself. */
void daemon_await_crash(Daemon *d);

/* Waits until n records hold both strings, and asserts that there are no more. b may be NULL. */
void daemon_expect(Daemon *d, unsigned n, const char *a, const char *b);
/* As daemon_expect, after a time in which a scan and a run would have happened. */
void daemon_expect_still(Daemon *d, unsigned n, const char *a, const char *b);
/* Waits until systemd's watchdog has been told n times more. */
void daemon_expect_watchdog(Daemon *d, unsigned n);
unsigned daemon_count(Daemon *d, const char *a, const char *b);
/* Forgets all records so far. */
void daemon_clear(Daemon *d);
/* Asserts that the first record with both strings, which has come already, holds the field too. */
void daemon_check_field(const Daemon *d, const char *a, const char *b, const char *field);

/* The number in that field of the first such record. */
unsigned long long daemon_field(const Daemon *d, const char *a, const char *field);

/* Paths below the daemon's directory; a static buffer. */
const char *daemon_path(const Daemon *d, const char *format, ...) _printf_(2, 3);
void put_file(const Daemon *d, const char *path, const char *text);
void remove_file(const Daemon *d, const char *path);
bool file_exists(const Daemon *d, const char *path);
/* Waits until the file is gone. */
void daemon_await_gone(const Daemon *d, const char *path);
/* The text of a file of the directory, or NULL. Allocated. */
char *get_file(const Daemon *d, const char *path);

/* Directories of job files are conf, run and lib, of which the first one overrides the others.
 *
 * Drops conf/NAME.job: the double's kind of transfer, into out/; extra is appended. */
void put_job(const Daemon *d, const char *name, const char *kind, const char *extra);

/* The same for a mirror, of out/. */
void put_mirror(const Daemon *d, const char *name, const char *kind, bool upload, const char *extra);

/* The same for a set, into out/. */
void put_set(const Daemon *d, const char *name, const char *kind, const char *extra);

/* The same for an upload of source/NAME, which may be empty: of the set. */
void put_upload(const Daemon *d, const char *job, const char *name, const char *extra);

/* Limits what the daemon may write, as if its disk were full. */
void daemon_fill_disk(const Daemon *d, bool full);
