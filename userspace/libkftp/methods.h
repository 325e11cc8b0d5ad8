/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "libkftp.h"

/*
 * The ways to a data connection (KFTP_METHOD_*) that did not work with a server, remembered as long as this
 * process lives, so that the next session does not try them again. Safe in threads.
 */

/* remote: "host:port". Never all of those that mode allows: then there is nothing left but to try again. */
uint32_t kftp_methods_known(const char *remote, enum kftp_data_mode mode);
void kftp_methods_remember(const char *remote, uint32_t off);

/* "EPSV", ...; of the lowest bit that is set. */
const char *kftp_method_name(uint32_t methods);
