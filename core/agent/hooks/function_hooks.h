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

/* The hook of functions[i]; and which i a hook is of, AGENT_FUNCTIONS or above: it is none. */
uintptr_t function_hooks_entry(uint32_t i);
uintptr_t function_hooks_number(uintptr_t hook);

/* Where a function is among the image's, added if it is new.  It keeps its place for ever: call
 * sites refer to it.  AGENT_FUNCTIONS: there is none left.  One caller at a time. */
uint32_t function_hooks_place(const struct agent_function *function);

/* Stores where they stop, by entry point. */
void function_hooks_tell_catch_places(uint64_t *places);

#endif
