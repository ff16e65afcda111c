/* Counting only while the --within function is on the thread's stack. */
#ifndef TMPALLOC_ENGINE_WITHIN_H
#define TMPALLOC_ENGINE_WITHIN_H

#include "engines/engine_hit.h"

/* The thread stopped at the function's entry; its outermost activation is what counts. */
int engine_within_enter(struct engine_hit *hit, uint64_t return_address);
/* Finds out whether it is still there: it may have been left by a jump or an exception, at any
 * depth. */
int engine_within_check(struct engine_hit *hit);
/* It has returned. */
int engine_within_leave(struct engine_hit *hit);

#endif
