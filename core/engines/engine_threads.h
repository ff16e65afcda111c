/* The threads of the breakpoint engine, and the one return that hardware watches for one of them.
 */
#ifndef TMPALLOC_ENGINE_THREADS_H
#define TMPALLOC_ENGINE_THREADS_H

#include "engines/engine_state.h"

/* The thread with this key, a new one included; sometimes looks for exited ones. */
int engine_threads_find(struct engine_breakpoint *engine, const struct tmpalloc_thread *thread,
                        struct calling_thread **ret);

/* The thread has ended: its window and its calls are dropped. */
void engine_threads_exited(struct engine_breakpoint *engine, struct tracker_thread *thread);
/* The same for all that the debugger doesn't have any more. */
void engine_threads_remove_exited(struct engine_breakpoint *engine);

/* The thread's call is to be seen when it returns there.  TMPALLOC_E_BUSY: the hardware engine
 * watches another thread's. */
int engine_threads_watch_return(struct engine_breakpoint *engine,
                                const struct calling_thread *thread, uint64_t return_address,
                                struct error *error);
/* Nothing is to be seen any more where one return was watched. */
void engine_threads_unwatch_return(struct engine_breakpoint *engine);

#endif
