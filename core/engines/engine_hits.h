/* What the breakpoint engine does at a hit. */
#ifndef TMPALLOC_ENGINE_HITS_H
#define TMPALLOC_ENGINE_HITS_H

#include "engines/engine_state.h"

/* Handles a hit of this breakpoint; a failure means that its event was lost.  TMPALLOC_STOP: the
 * thread is about to free something that is caught. */
int engine_hits_handle(struct engine_breakpoint *engine, const struct breakpoint *breakpoint,
                       struct error *error);

#endif
