#include "engines/engine_threads.h"

#include "support/memory.h"

/* Exited threads are looked for when this many more have been seen than were alive last time. */
#define THREAD_SLACK 32

struct exited {
    struct engine_breakpoint *engine;
    struct tracker_thread **threads;
    size_t count;
};

static bool collect_exited(void *arg, struct tracker_thread *thread) {
    struct exited *exited = arg;
    if (!host_thread_alive(exited->engine->parts.host, tracker_thread_key(thread)))
        exited->threads[exited->count++] = thread;
    return true;
}

void engine_threads_unwatch_return(struct engine_breakpoint *engine) {
    if (!engine->pending_return)
        return;
    breakpoints_enable(&engine->breakpoints, engine->pending_return, false, NULL);
    engine->pending_return = NULL;
}

void engine_threads_exited(struct engine_breakpoint *engine, struct tracker_thread *thread) {
    const struct calling_thread *state =
        pending_calls_get(&engine->pending_calls, tracker_thread_key(thread));
    if (state && state->within.active)
        engine->threads_within--;
    if (state && state == engine->pending_thread)
        engine_threads_unwatch_return(engine);
    pending_calls_remove(&engine->pending_calls, tracker_thread_key(thread));
    tracker_thread_exited(engine->parts.tracker, thread);
}

void engine_threads_remove_exited(struct engine_breakpoint *engine) {
    size_t count = tracker_thread_count(engine->parts.tracker);
    struct exited exited = {.engine = engine};
    exited.threads = memory_allocate(count * sizeof(struct tracker_thread *));
    if (!exited.threads)
        return;
    tracker_for_each_thread(engine->parts.tracker, collect_exited, &exited);
    for (size_t i = 0; i < exited.count; i++)
        engine_threads_exited(engine, exited.threads[i]);
    memory_release(exited.threads);
    engine->thread_check = 2 * (count - exited.count);
}

int engine_threads_find(struct engine_breakpoint *engine, const struct tmpalloc_thread *thread,
                        struct calling_thread **ret) {
    *ret = pending_calls_get(&engine->pending_calls, thread->key);
    if (*ret)
        return TMPALLOC_OK;
    if (tracker_thread_count(engine->parts.tracker) > engine->thread_check + THREAD_SLACK)
        engine_threads_remove_exited(engine);
    struct tracker_thread *added =
        tracker_get_thread(engine->parts.tracker, thread->key, thread->tid);
    return added ? pending_calls_add(&engine->pending_calls, thread->key, added, ret)
                 : TMPALLOC_E_NOMEM;
}

/* The hardware engine watches one return at a time. */
int engine_threads_watch_return(struct engine_breakpoint *engine,
                                const struct calling_thread *thread, uint64_t return_address,
                                struct error *error) {
    if (engine->options.kind == TMPALLOC_SOFTWARE)
        return breakpoints_require(&engine->breakpoints, return_address, BREAKPOINT_RETURN, NULL,
                                   error);
    if (engine->pending_return) {
        if (engine->pending_thread != thread)
            return TMPALLOC_E_BUSY;
        engine_threads_unwatch_return(engine);
    }
    engine->pending_thread = thread;
    return breakpoints_require(&engine->breakpoints, return_address, BREAKPOINT_RETURN,
                               &engine->pending_return, error);
}
