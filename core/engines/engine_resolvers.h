/* Calls of the resolvers of indirect functions, whose breakpoints are to be. */
#ifndef TMPALLOC_ENGINE_RESOLVERS_H
#define TMPALLOC_ENGINE_RESOLVERS_H

#include "engines/engine_hit.h"

/* The thread stopped at a resolver's first instruction. */
int engine_resolvers_enter(struct engine_hit *hit, uint64_t return_address);
/* It has returned. */
int engine_resolvers_leave(struct engine_hit *hit);

#endif
