/* The breakpoint engine's inside: what setting up and handling hits have in common. */
#ifndef TMPALLOC_ENGINE_STATE_H
#define TMPALLOC_ENGINE_STATE_H

#include "debugger/breakpoints.h"
#include "engines/calls.h"
#include "engines/engine_objects.h"
#include "engines/engine_parts.h"
#include "engines/freeing.h"

struct engine_breakpoint {
    struct engine_parts parts;
    struct engine_breakpoint_options options;
    int64_t pid; /* the process whose hits count */
    const struct processor *processor;
    struct breakpoints breakpoints;
    struct entry_points entries;
    size_t active_entries; /* the first ones of entries, those with breakpoints */
    size_t entry_limit;    /* as many as debug registers allow */
    struct engine_objects objects;
    struct user_functions within;
    uint32_t threads_within;
    struct call_threads threads;
    size_t thread_check;               /* number of threads at which to look for exited ones */
    struct breakpoint *pending_return; /* hardware: the one return that is being watched */
    const struct call_thread *pending_thread;
    uint64_t allocations;      /* stops that may have allocated */
    struct map internal_calls; /* return address -> 1 for malloc's own calls, else 0 */
    struct freeing freeing;
    uint64_t generation;         /* of the modules when captures were last valid */
    uint64_t returns_generation; /* and when unloaded return sites were last released */
};

#endif
