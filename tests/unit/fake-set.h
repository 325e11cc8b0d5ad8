/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* The doubles of what a set needs: see daemon.h for what they do. */

#include "kftpd/runner.h"

int fake_source_list(const SourceQuery *query, SourceListing *ret, KftpFailure *f);
int fake_fetch(KftpClient *c, const KftpUrl *url, const KftpFetch *fetch, KftpResult *ret);
int fake_then_file(const KftpJob *job, const KftpThen *then, KftpClient *client, const ThenFile *file, char **ret_text, KftpFailure *f);
int fake_then_marker(const KftpJob *job, const KftpThen *then, KftpClient *client, const ThenFile *marker, KftpFailure *f);
int fake_then_directory(const KftpJob *job, const KftpThen *then, KftpClient *client, KftpFailure *f);
