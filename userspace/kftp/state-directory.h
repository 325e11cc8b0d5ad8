/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Where it is kept how far a mirror came: $STATE_DIRECTORY, as systemd sets it, else kftp in $XDG_STATE_HOME or in
 * ~/.local/state; made if it is not there. Allocated, absolute; NULL: there is no such place.
 */
char *state_directory(void);
