#include "engines/engine_within.h"

/* Frees outside go unseen, so what the window holds must not meet a later block's address. */
int engine_within_leave(struct engine_hit *hit) {
    struct engine_breakpoint *engine = hit->engine;
    hit->thread->within.active = false;
    hit->thread->call.activation.active = false;
    tracker_flush_thread(engine->parts.tracker, hit->thread->thread);
    if (--engine->threads_within > 0)
        return TMPALLOC_OK;
    return breakpoints_enable_role(&engine->breakpoints, BREAKPOINT_ENTRY, false, hit->error);
}

int engine_within_check(struct engine_hit *hit) {
    struct engine_parts *parts = &hit->engine->parts;
    const struct activation *within = &hit->thread->within;
    if (!within->active)
        return TMPALLOC_OK;
    bool keeps_return;
    const struct capture *capture;
    int status = engine_hit_keeps_return(hit, within, &keeps_return);
    if (status == TMPALLOC_OK)
        status = unwinder_capture(parts->unwinder, hit->breakpoint->address, hit->stack_pointer,
                                  hit->error, &capture);
    if (status != TMPALLOC_OK ||
        (keeps_return &&
         activation_is_live(within, &hit->engine->processor->returns, hit->stack_pointer, capture,
                            stacks_get(tracker_stacks(parts->tracker), capture->stack))))
        return status;
    return engine_within_leave(hit);
}

int engine_within_enter(struct engine_hit *hit, uint64_t return_address) {
    struct engine_breakpoint *engine = hit->engine;
    struct activation *within = &hit->thread->within;
    int status = engine_within_check(hit);
    if (status != TMPALLOC_OK || within->active)
        return status;
    status = breakpoints_require(&engine->breakpoints, return_address, BREAKPOINT_WITHIN_RETURN,
                                 NULL, hit->error);
    if (status != TMPALLOC_OK)
        return status;
    engine->threads_within++;
    tracker_totals(engine->parts.tracker)->entries++;
    *within = (struct activation){true, hit->stack_pointer, return_address};
    return breakpoints_enable_role(&engine->breakpoints, BREAKPOINT_ENTRY, true, hit->error);
}
