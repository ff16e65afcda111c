/* What a call of an entry point comes to: events of the tracker, and catches. */
#ifndef TMPALLOC_ENGINE_EVENTS_H
#define TMPALLOC_ENGINE_EVENTS_H

#include "engines/engine_hit.h"

/* The thread stopped at an entry point.  Calls within calls are none.  TMPALLOC_STOP: it is about
 * to free something that is caught. */
int engine_events_call(struct engine_hit *hit, const struct entry_point *entry,
                       uint64_t return_address);
/* It stopped where a call returns, of this thread or another. */
int engine_events_return(struct engine_hit *hit);

#endif
