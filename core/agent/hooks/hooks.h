/* The program's allocator functions, seen from within.
 *
 * A hook has the signature of its function and is called in its place: because this library comes
 * first in the search order and what it exports leads there, or because the function was changed to
 * do so.  It calls on through its cell of hooks_real. */
#ifndef TMPALLOC_HOOKS_H
#define TMPALLOC_HOOKS_H

#include <stdint.h>

#include "agent/hooks/hook_list.h"

struct hook {
    uintptr_t exported; /* this library's own definition of the name; 0: it has none */
    /* Where calls of one of the C library are led to, whose direct calls of it are no events; 0: to
     * the hook as well. */
    uintptr_t guarded;
};

extern const struct hook hooks[HOOK_COUNT];

/* Fills the image's `catch_places`. */
void hooks_tell_catch_places(uint64_t *places);

#endif
