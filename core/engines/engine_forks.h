/* Processes that the debugged one makes: each is counted when the call that makes it returns there.
 */
#ifndef TMPALLOC_ENGINE_FORKS_H
#define TMPALLOC_ENGINE_FORKS_H

#include "engines/engine_hit.h"

/* Once, when there are entry points: breakpoints at its functions that make processes. */
int engine_forks_set(struct engine_breakpoint *engine, struct error *error);

/* One of these functions is called; it has returned. */
int engine_forks_enter(struct engine_hit *hit, uint64_t return_address);
void engine_forks_leave(struct engine_hit *hit);

#endif
