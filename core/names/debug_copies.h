/* Copies of a function that compilers put into its callers, by DWARF. */
#ifndef TMPALLOC_DEBUG_COPIES_H
#define TMPALLOC_DEBUG_COPIES_H

#include <elfutils/libdw.h>

#include "support/text.h"

/* Counts the inlined copies of the functions with a name (as in modules_find_user_functions()) and
 * appends where they are: "f at a.c:12, g at b.c:3", the first ones of many.  TMPALLOC_OK, or the
 * status that ended it: TMPALLOC_E_NOMEM or an interrupt. */
int debug_copies_find(Dwarf *dwarf, const char *name, struct text *places, size_t *count_ret);

#endif
