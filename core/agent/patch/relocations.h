/* Hooking functions by the pointers that the dynamic linker made to them, where their code can't be
 * changed.  Misses what doesn't go through those pointers: addresses that dlsym() gave, and files
 * loaded later. */
#ifndef TMPALLOC_AGENT_RELOCATIONS_H
#define TMPALLOC_AGENT_RELOCATIONS_H

#include <stdint.h>

/* Makes every pointer of the loaded files' relocations (relocation_types.h) that leads to the
 * function of this name lead to the hook, besides those of the file that this is linked into.
 * Those are the ones whose pointer is the function's address, and the unresolved ones of lazy
 * binding that would be bound to it.  TMPALLOC_OK; TMPALLOC_E_UNSUPPORTED: there is none;
 * TMPALLOC_E_NOMEM: some may lead to the hook by now, until relocations_undo().  One caller at a
 * time. */
int relocations_redirect(const char *name, uintptr_t function, uintptr_t hook);

/* Gives every pointer that still leads to its hook the value that it had before. Async-signal-safe,
 * and may be called with other threads stopped anywhere. */
void relocations_undo(void);

#endif
