#include "engines/engine_hits.h"

#include "engines/engine_events.h"
#include "engines/engine_forks.h"
#include "engines/engine_resolvers.h"
#include "engines/engine_threads.h"
#include "engines/engine_within.h"
#include "support/log.h"

static bool find_internal_call(struct engine_hit *hit, const struct entry_point *entry,
                               uint64_t return_address) {
    struct engine_breakpoint *engine = hit->engine;
    struct modules *modules = engine->parts.modules;
    const struct processor *processor = engine->processor;
    const struct c_library *library = c_libraries_find(modules_soname(modules, entry->module));
    uint8_t code[PROCESSOR_CALL_BYTES];
    return library && library->direct_calls_are_internal &&
           modules_frame(modules, return_address, false).module == entry->module &&
           host_read_data(engine->parts.host, return_address - processor->call_bytes, code,
                          processor->call_bytes, NULL) == TMPALLOC_OK &&
           processor->call_target(code, return_address) == entry->address;
}

/* The C library's housekeeping. */
static bool is_internal_call(struct engine_hit *hit, const struct entry_point *entry,
                             uint64_t return_address) {
    struct map *known = &hit->engine->internal_calls;
    uint64_t internal;
    if (map_get(known, return_address, &internal))
        return internal != 0;
    internal = find_internal_call(hit, entry, return_address);
    map_put(known, return_address, internal); /* without memory it is found out again */
    return internal != 0;
}

static const struct entry_point *entry_at(const struct engine_breakpoint *engine,
                                          uint64_t address) {
    for (size_t i = 0; i < engine->active_entries; i++) {
        if (engine->entries.items[i].address == address)
            return &engine->entries.items[i];
    }
    return object_allocator_stubs_at(&engine->object_allocator, address);
}

static bool is_counted(struct engine_hit *hit, uint64_t key, int *status) {
    const struct engine_breakpoint_options *options = &hit->engine->options;
    if (options->only_thread != 0 && options->only_thread != key)
        return false;
    if (!options->within)
        return true;
    *status = engine_within_check(hit);
    return *status == TMPALLOC_OK && hit->thread->within.active;
}

/* Allocations go unseen where not every entry point has a breakpoint. */
static void note_allocation(struct engine_breakpoint *engine, const struct entry_point *entry) {
    engine->allocations +=
        entry->signature.role != ENTRY_FREE || engine->active_entries < engine->entries.count;
}

static int handle_call(struct engine_hit *hit, const struct entry_point *entry, uint64_t key) {
    if (entry)
        note_allocation(hit->engine, entry);
    uint64_t return_address;
    if (hit->engine->object_allocator.found) /* which is tried when files are loaded */
        object_allocator_stubs_follow(&hit->engine->object_allocator, &hit->engine->breakpoints,
                                      NULL);
    int status = engine_hit_return_address(hit, &return_address);
    if (status != TMPALLOC_OK)
        return status;
    if (hit->breakpoint->roles & BREAKPOINT_RESOLVER)
        status = engine_resolvers_enter(hit, return_address);
    if (status != TMPALLOC_OK)
        return status;
    if (hit->breakpoint->roles & BREAKPOINT_WITHIN)
        status = engine_within_enter(hit, return_address);
    if (status != TMPALLOC_OK)
        return status;
    if (hit->breakpoint->roles & BREAKPOINT_FORK)
        status = engine_forks_enter(hit, return_address);
    if (status != TMPALLOC_OK)
        return status;
    if (entry && is_counted(hit, key, &status) && !is_internal_call(hit, entry, return_address))
        status = engine_events_call(hit, entry, return_address);
    return status;
}

static int handle_hit(struct engine_hit *hit, uint64_t key) {
    uint32_t roles = hit->breakpoint->roles;
    const struct entry_point *entry =
        roles & BREAKPOINT_ENTRY ? entry_at(hit->engine, hit->breakpoint->address) : NULL;
    LOG(LOG_STOP, "thread %llu at %#llx: %s%s", (unsigned long long)key,
        (unsigned long long)hit->breakpoint->address, entry ? "entry of " : "",
        entry                       ? entry->name
        : roles & BREAKPOINT_RETURN ? "a return"
                                    : "a function that tells what counts, or makes a process");
    int status = engine_hit_read(hit, entry);
    if (status != TMPALLOC_OK)
        return status;
    if (roles & BREAKPOINT_RETURN)
        status = engine_hit_returns_to(hit, &hit->thread->resolving) ? engine_resolvers_leave(hit)
                                                                     : engine_events_return(hit);
    if (status != TMPALLOC_OK)
        return status;
    if (roles & BREAKPOINT_WITHIN_RETURN && engine_hit_returns_to(hit, &hit->thread->within))
        status = engine_within_leave(hit);
    if (status != TMPALLOC_OK)
        return status;
    if (roles & BREAKPOINT_FORK_RETURN && engine_hit_returns_to(hit, &hit->thread->forking))
        engine_forks_leave(hit);
    if (roles & (BREAKPOINT_ENTRY | BREAKPOINT_WITHIN | BREAKPOINT_RESOLVER | BREAKPOINT_FORK))
        return handle_call(hit, entry, key);
    return TMPALLOC_OK;
}

int engine_hits_handle(struct engine_breakpoint *engine, const struct breakpoint *breakpoint,
                       struct error *error) {
    struct engine_hit hit = {.engine = engine, .breakpoint = breakpoint, .error = error};
    uint64_t generation = modules_generation(engine->parts.modules);
    if (generation != engine->generation) {
        free_sites_forget(&engine->free_sites);
        map_clear(&engine->internal_calls);
        pending_calls_forget_captures(&engine->pending_calls);
        engine->generation = generation;
    }
    struct tmpalloc_thread thread;
    int status = host_current_thread(engine->parts.host, &thread, error);
    if (status != TMPALLOC_OK || thread.pid != engine->pid)
        return status;
    status = engine_threads_find(engine, &thread, &hit.thread);
    if (status != TMPALLOC_OK)
        return error_no_memory(error);
    host_begin_hit(engine->parts.host, &thread, breakpoint->address);
    status = handle_hit(&hit, thread.key);
    host_end_hit(engine->parts.host);
    return status;
}
