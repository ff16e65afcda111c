/* Allocator events, counted in the calling thread's record.
 *
 * A hook fills a struct call first.  A free is recorded before the real one runs, an allocation
 * after it; a realloc's old block is taken before the real one and both events are recorded after
 * it, as one: otherwise another thread gets the address in between. */
#ifndef TMPALLOC_EVENTS_H
#define TMPALLOC_EVENTS_H

#include "agent/count/call.h"

/* Blocks are addresses: after the call they may be no blocks any more.  None of these touches
 * errno.  Where a block is about to be freed the answer is what the debugger is to stop at before
 * that, else NULL. */
void events_allocated(const struct call *call, uintptr_t block, uint64_t size_bytes);
const struct agent_caught *events_freed(const struct call *call, uintptr_t block);
/* Ends a block of exactly this size; of one with another size it is no event. */
const struct agent_caught *events_unmapped(const struct call *call, uintptr_t block,
                                           uint64_t size_bytes);

/* block 0: nothing to take. */
const struct agent_caught *events_take(const struct call *call, uintptr_t block, struct taken *ret);
/* The realloc succeeded; result 0: it was a free. */
void events_reallocated(const struct call *call, uintptr_t block, const struct taken *taken,
                        uintptr_t result, uint64_t size_bytes);
/* It failed. */
void events_put_back(const struct call *call, const struct taken *taken);

#endif
