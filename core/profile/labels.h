/* Names of locations that differ where the locations do. */
#ifndef TMPALLOC_LABELS_H
#define TMPALLOC_LABELS_H

#include "profile/locations.h"
#include "support/text.h"

struct labels;

/* Of the locations that a table shows.  Those that read the same by their short names
 * (profile_append_location()) get the whole name, or as much of the path as differs.  TMPALLOC_OK
 * or TMPALLOC_E_NOMEM; the symbols are referred to. */
int labels_create(const struct symbol *const *symbols, size_t count, struct labels **ret);
void labels_destroy(struct labels *labels); /* NULL is allowed */

/* Appends the name of one of these locations. */
void labels_append(const struct labels *labels, const struct symbol *symbol, struct text *text);

#endif
