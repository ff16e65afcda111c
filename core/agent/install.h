/* Hooking the process that this library is in. */
#ifndef TMPALLOC_INSTALL_H
#define TMPALLOC_INSTALL_H

#include <stdbool.h>

#include "tmpalloc/agent_image.h"

/* Whether the program is bound to this library's malloc. */
bool install_comes_first(void);

/* Leads every function that counts to its hook, and notes in the image what became of each.  All
 * are changed; one that can't be is still reached by those whom the dynamic linker bound to this
 * library.
 * `preloaded`: this library is in the search order.  TMPALLOC_OK; TMPALLOC_E_UNSUPPORTED when
 * malloc or free can't be changed, and TMPALLOC_E_NOMEM: nothing is changed.  One caller at a time.
 */
int install_hooks(struct agent_image *image, bool preloaded);

/* Leads functions that the user named to their hooks, in place of those before.  TMPALLOC_OK;
 * TMPALLOC_E_UNSUPPORTED: `hooking` tells which one can't be changed; TMPALLOC_E_NOMEM.  Of a
 * failure install_undo() takes back what was done. */
int install_functions(struct agent_image *image, const struct agent_function *functions,
                      uint32_t count);

/* Functions are again as they were; hooks in progress go on.  Async-signal-safe. */
void install_undo(struct agent_image *image);

#endif
