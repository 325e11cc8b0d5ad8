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

/*
 * 0 if a server that does not tell upper from lower case takes the two names for one, by Unicode's simple case folding;
 * bytes that are no UTF-8 are equal to themselves alone. Else in an order in which such names lie beside each other.
 */
int mirror_names_compare_folded(const char *a, const char *b);
