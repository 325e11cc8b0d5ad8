/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * The MESSAGE_ID of each kind of record that kftpd writes. They never change; kftp.catalog explains
 * each of them, and a unit test compares the two files.
 */

/* A file has been transferred. */
#define KFTP_MESSAGE_FILE_DONE "2dd9701372cf452ea9634dc714e3f247"
/* A mirror has made a symbolic link. */
#define KFTP_MESSAGE_FILE_LINKED "648d9773d4d84e868f8a5863dfb2f841"
/* A mirror has deleted from its target what the source does not have. */
#define KFTP_MESSAGE_FILE_DELETED "aedf529f81ce421db8358f1147a920a6"
/* A mirror has removed from its source what the target has now. */
#define KFTP_MESSAGE_FILE_MOVED "26b74cac0c9a45ab87cfecdf7fa512a5"
/* A mirror does not touch a file, because its name or its link is not safe. */
#define KFTP_MESSAGE_FILE_REFUSED "a6932b59c5bb46cca29cd333bd351a13"
/* Something of a mirror has failed; the rest of it goes on. */
#define KFTP_MESSAGE_FILE_FAILED "10562e1b547347618c2034ba3c4f19c1"
/* A run of a job has ended well. */
#define KFTP_MESSAGE_JOB_DONE "a11927b9abde46bbac1e8f8390b771c1"
/* A run of a job has failed for good. */
#define KFTP_MESSAGE_JOB_FAILED "f5854418e9da4447b92d9ca91407a7f1"
/* A run found no file, and the job says that this is a failure. */
#define KFTP_MESSAGE_RUN_EMPTY "187c112a239246d182c8dfbacc852d4c"
/* A run delivered fewer files than the job expects. */
#define KFTP_MESSAGE_RUN_TOO_FEW "7025175df788425d8f77070407d9ebb2"
/* An attempt has failed, another one follows. */
#define KFTP_MESSAGE_ATTEMPT_FAILED "aabf399c00f54e549e581ccc6b967a1b"
/* A run goes on, but not as well protected as it might be. */
#define KFTP_MESSAGE_RUN_WARNING "994ff4922d3340bf9d39250552300bd1"
/* kftpd stops, a run goes on when it starts again. */
#define KFTP_MESSAGE_JOB_INTERRUPTED "729083f5e8ec41e4beb70dbb7fa1a157"
/* A run was given up because its job file was changed, masked or removed. */
#define KFTP_MESSAGE_JOB_CANCELLED "9ac0d4b7020347c58b9e673b37642287"
/* A job file has an error and is not run. */
#define KFTP_MESSAGE_JOB_REJECTED "4e543d2e89fe495297ec272db2e7f9ee"
/* Something in a job file is ignored. */
#define KFTP_MESSAGE_JOB_WARNING "4ecb4c51a65748038d9ea295900e7378"
/* What a job's ledger entry says cannot be read. */
#define KFTP_MESSAGE_LEDGER_DAMAGED "09102183c6f84324946c24efaa503440"
/* No job is started: the device is missing, or the state directory cannot be written. */
#define KFTP_MESSAGE_QUEUE_STOPPED "a0dc37231dcf4c6eb9e68d51c4557372"
/* Jobs are started again. */
#define KFTP_MESSAGE_QUEUE_RESUMED "06c0fbd481d6468290fa850c304f9739"
/* The directory of job files cannot be read. */
#define KFTP_MESSAGE_DIRECTORY_MISSING "dadc923209554ec7998b221adf65d225"
/* A job waits for what is not there yet. */
#define KFTP_MESSAGE_JOB_WAITS "779c6c5baa18448c8596d02d8e3c88ef"
/* A server lets in no further connection. */
#define KFTP_MESSAGE_SERVER_BUSY "a83c222e6c154bdb9d52b9c08e5ba74c"
/* The time by which a job was to have ended well has passed. */
#define KFTP_MESSAGE_DEADLINE_MISSED "f4ad7913076a4d398813d391d5a62107"
/* A timer has elapsed while an earlier run, for another date, has not ended: there is no run of its own for it. */
#define KFTP_MESSAGE_RUN_JOINED "191e757a1acc46db8a75e549c304f80e"
/* There is no system bus, so that nobody can ask what jobs do. */
#define KFTP_MESSAGE_BUS_MISSING "95c4903f70b64d649787d95b730a1d8a"
