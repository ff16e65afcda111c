/* Hooks for functions that the user named, of any signature.
 *
 * All argument registers, and some arguments on the stack, are handed on as they are, and all
 * registers with results are handed back.  A call that doesn't count leaves nothing of the hook on
 * the stack. */
#ifndef TMPALLOC_FUNCTION_HOOKS_H
#define TMPALLOC_FUNCTION_HOOKS_H

#include <stdint.h>

#include "tmpalloc/agent_image.h"

/* The functions behind the hooks of the image's functions. */
extern uintptr_t function_hooks_real[AGENT_FUNCTIONS];

/* The hook of functions[i]. */
uintptr_t function_hooks_entry(uint32_t i);

/* Stores where they stop, by entry point. */
void function_hooks_tell_stops(uint64_t *stops);

#endif
