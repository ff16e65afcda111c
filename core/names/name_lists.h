/* Names of functions, compared with lists of names that end with NULL. */
#ifndef TMPALLOC_NAME_LISTS_H
#define TMPALLOC_NAME_LISTS_H

#include <stdbool.h>
#include <stddef.h>

/* Longer names are templates' and in no list. */
#define NAME_LISTS_LONGEST 256

/* Copies the name without what a compiler adds to that of a part of a function.  False: there is no
 * room for it. */
bool name_copy_plain(const char *name, char *ret, size_t size);

/* Whether both are of one function, but for what a compiler adds to the name of its cold part. */
bool name_is_of_same_function(const char *one, const char *other);

/* What follows the prefix; NULL: the name doesn't begin with it. */
const char *name_skip_prefix(const char *name, const char *prefix);

bool name_is_one_of(const char *name, const char *const *names);
/* A star at the end of a name in the list stands for any end. */
bool name_is_like_one_of(const char *name, const char *const *names);

#endif
