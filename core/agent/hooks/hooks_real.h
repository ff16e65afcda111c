/* The functions behind the hooks. */
#ifndef TMPALLOC_HOOKS_REAL_H
#define TMPALLOC_HOOKS_REAL_H

#include <stdbool.h>

#include "agent/hooks/hook_list.h"

/* At first each is a function of this library that looks for all of them, and stays if there is
 * none. */
extern uintptr_t hooks_real[HOOK_COUNT];

/* What the exported functions go on to: the hook where they count and the function behind doesn't
 * lead there, else that function. */
extern uintptr_t hooks_routes[HOOK_COUNT];

static inline void hooks_route(uint32_t number, uintptr_t function) {
    __atomic_store_n(&hooks_routes[number], function, __ATOMIC_RELAXED);
}

/* Calls the function behind a hook. */
#define REAL(name)                                                                                 \
    ((__typeof__(&hook_##name))__atomic_load_n(&hooks_real[HOOK_##name], __ATOMIC_RELAXED))

/* Fills both from what follows this library in the search order, where it has a place if it was
 * loaded with the program; only the first call does it. */
void hooks_find_real(void);

/* What was found; 0: nobody has such a function. */
uintptr_t hooks_next(uint32_t number);

/* Whether calls of this function of the name count: always, or because an allocator implements it.
 */
bool hooks_counts(uint32_t number, uintptr_t function);

#endif
