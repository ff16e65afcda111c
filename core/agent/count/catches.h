/* What the debugger wants to stop at, or to be told of. */
#ifndef TMPALLOC_CATCHES_H
#define TMPALLOC_CATCHES_H

#include "agent/count/call.h"

/* Calls the function at which the debugger has a breakpoint while it wants to be told. */
void catches_tell(enum agent_tells reason, const void *about);

/* Lets the debugger fill in what it knows of code; false: it isn't one that would. */
bool catches_ask(struct agent_code *code);

/* The process is about to be left, for what the debugger doesn't see by itself. */
void catches_leaving(enum agent_tells reason);

/* The child of a fork tracks: a debugger that follows it has its catches to write. */
void catches_in_child(void);

/* A block is about to be freed.  NULL, or what to stop at before that: the thread's own, until its
 * next event. */
const struct agent_caught *catches_check(const struct call *call, uintptr_t block,
                                         const struct taken *taken);

/* A block was allocated at a site that may be awaited. */
void catches_allocated(struct thread *thread, struct agent_site *site, uintptr_t block,
                       uint64_t size_bytes);

#endif
