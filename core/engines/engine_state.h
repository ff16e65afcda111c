/* The breakpoint engine's inside: what setting up and handling hits have in common. */
#ifndef TMPALLOC_ENGINE_STATE_H
#define TMPALLOC_ENGINE_STATE_H

#include "debugger/breakpoints.h"
#include "engines/engine_parts.h"
#include "engines/free_sites.h"
#include "engines/object_allocator_stubs.h"
#include "engines/pending_calls.h"

/* Functions by which processes are made. */
#define ENGINE_MAKING_FUNCTIONS 6

struct engine_breakpoint {
    struct engine_parts parts;
    struct engine_breakpoint_options options;
    int64_t pid; /* the process whose hits count */
    const struct processor *processor;
    struct breakpoints breakpoints;
    struct entry_points entries;
    size_t active_entries; /* the first ones of entries, those with breakpoints */
    size_t entry_limit;    /* as many as debug registers allow */
    struct object_allocator_stubs object_allocator;
    struct user_functions within;
    uint32_t threads_within;
    struct pending_calls pending_calls;
    size_t thread_check;               /* number of threads at which to look for exited ones */
    struct breakpoint *pending_return; /* hardware: the one return that is being watched */
    const struct calling_thread *pending_thread;
    uint64_t allocations;      /* stops that may have allocated */
    struct map internal_calls; /* return address -> 1 for malloc's own calls, else 0 */
    struct free_sites free_sites;
    uint64_t generation;         /* of the modules when captures were last valid */
    uint64_t returns_generation; /* and when unloaded return sites were last released */
    uint64_t making[ENGINE_MAKING_FUNCTIONS]; /* addresses; 0: not there */
    bool making_known;                        /* whether they were looked for */
};

#endif
