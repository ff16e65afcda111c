#include "engines/engine_resolvers.h"

#include "engines/engine_entries.h"
#include "engines/engine_threads.h"

int engine_resolvers_enter(struct engine_hit *hit, uint64_t return_address) {
    struct calling_thread *thread = hit->thread;
    thread->resolver = hit->breakpoint->address;
    thread->resolving = (struct activation){true, hit->stack_pointer, return_address};
    return engine_threads_watch_return(hit->engine, thread, return_address, hit->error);
}

/* It may have been called for an allocator's function. */
int engine_resolvers_leave(struct engine_hit *hit) {
    struct calling_thread *thread = hit->thread;
    const struct pending_call *call = &thread->call;
    thread->resolving.active = false;
    engine_threads_unwatch_return(hit->engine);
    int status = call->activation.active && call->awaits_return
                     ? engine_threads_watch_return(hit->engine, thread,
                                                   call->activation.return_address, hit->error)
                     : TMPALLOC_OK;
    return status == TMPALLOC_OK
               ? engine_entries_follow(hit->engine, thread->resolver, hit->result, hit->error)
               : status;
}
