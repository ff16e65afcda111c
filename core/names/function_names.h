/* What frames of loaded files can be called, before any is seen. */
#ifndef TMPALLOC_FUNCTION_NAMES_H
#define TMPALLOC_FUNCTION_NAMES_H

#include "names/modules.h"

/* Calls visit until it returns false, for the path of each loaded file, the names of its functions
 * (short and full, without parameters; with debug information those that became part of others,
 * too) and the paths of their sources.  TMPALLOC_OK, TMPALLOC_E_NOMEM or TMPALLOC_E_INTERRUPTED. */
typedef bool function_names_visit(void *arg, const char *name);
int function_names_for_each(struct modules *modules, function_names_visit *visit, void *arg);

#endif
