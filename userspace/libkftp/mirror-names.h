/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/*
 * Why an entry that a listing calls so is not touched: NULL if there is nothing against it. The name may hold any byte but
 * NUL. A constant phrase, "holds a slash".
 */
const char *mirror_name_refusal(const char *name, size_t n);

/* Whether it is a temporary name of a transfer of kftp's, here or on a server: no part of any tree. */
bool mirror_name_is_temporary(const char *name);

/*
 * Why a link at path (relative to the tree's root) that points to target is not made: it leads out of the tree, or may do
 * so by way of another link; or NULL. ".." is taken only in front of all names.
 */
const char *mirror_link_refusal(const char *path, const char *target);

/* Whether a server that does not tell upper from lower case takes the two names for one: by the letters of Unicode's simple
 * case folding, by ASCII's if they are not UTF-8. */
bool mirror_names_collide(const char *a, const char *b);
/* An order in which such names lie beside each other: 0 if they collide. */
int mirror_names_compare_folded(const char *a, const char *b);
