/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Asks for a password on the terminal, without echo. 1: *ret is set, to be freed after explicit_bzero;
 * 0: there is no terminal; -EINTR: a signal was handled; -errno.
 */
int prompt_password(const char *user, const char *host, char **ret);
