/* Names of functions, compared with lists of names that end with NULL. */
#ifndef TMPALLOC_NAME_LISTS_H
#define TMPALLOC_NAME_LISTS_H

#include <stdbool.h>
#include <stddef.h>

/* Longer names are templates' and in no list. */
#define NAME_LISTS_LONGEST 256

/* How much of the name is the function's own: compilers add ".part.0", ".cold", " [clone ...]" and
 * the like to those of its parts and copies, linkers a version ("@@GLIBC_2.32"). */
size_t name_plain_length(const char *name);
/* Copies that much of it.  False: there is no room for it. */
bool name_copy_plain(const char *name, char *ret, size_t size);

/* What follows the prefix; NULL: the name doesn't begin with it. */
const char *name_skip_prefix(const char *name, const char *prefix);

bool name_is_one_of(const char *name, const char *const *names);
/* A star at the end of a name in the list stands for any end. */
bool name_is_like_one_of(const char *name, const char *const *names);

#endif
