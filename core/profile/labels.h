/* Names of locations that differ where the locations do. */
#ifndef TMPALLOC_LABELS_H
#define TMPALLOC_LABELS_H

#include "profile/locations.h"
#include "support/text.h"

struct labels;

int labels_create(struct labels **ret);     /* TMPALLOC_OK or TMPALLOC_E_NOMEM */
void labels_destroy(struct labels *labels); /* NULL is allowed */

/* Adds a location that a table shows, which is referred to.  TMPALLOC_OK or TMPALLOC_E_NOMEM. */
int labels_add(struct labels *labels, const struct symbol *symbol);
/* After the last one: those that read the same by their short names (profile_append_location()) get
 * the whole name, or as much of the path as differs.  TMPALLOC_OK or TMPALLOC_E_NOMEM. */
int labels_tell_apart(struct labels *labels);

/* Appends the name of one of these locations. */
void labels_append(const struct labels *labels, const struct symbol *symbol, struct text *text);

#endif
