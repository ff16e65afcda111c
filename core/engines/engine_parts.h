/* What the engines work with, and what they are asked for. */
#ifndef TMPALLOC_ENGINE_PARTS_H
#define TMPALLOC_ENGINE_PARTS_H

#include "engines/engine_catches.h"
#include "engines/entry_points.h"
#include "tables/tracker.h"
#include "unwind/interpreted_stacks.h"
#include "unwind/unwinder.h"

/* What an engine works with; all outlive it. */
struct engine_parts {
    struct host *host;
    struct modules *modules;
    struct unwinder *unwinder;
    struct tracker *tracker;
    struct symbolizer *symbolizer;
    struct interpreted_stacks *python; /* NULL: Python frames are not wanted */
    struct engine_catches *catches;    /* NULL: nothing is ever caught */
    struct map *past_stacks;           /* of the agent: see struct agent_image_source */
};

struct engine_breakpoint_options {
    enum tmpalloc_breakpoint_kind kind;
    struct entry_options entries;
    const char *within; /* count only while this function is on the thread's stack; NULL: always */
    uint64_t only_thread;                        /* key of the one thread to count; 0: all */
    struct interpreted_stacks *object_allocator; /* CPython's, which counts, too; NULL: no */
};

struct engine_agent_options {
    uint32_t max_threshold;
    uint32_t stack_depth;
    uint64_t memory_limit_bytes;
    bool mappings;                     /* count mmap and munmap, too */
    bool only_this_thread;             /* count the thread that is selected when tracking starts */
    const struct entry_custom *custom; /* used until destroy, as `within` */
    size_t custom_count;
    const char *within; /* count only while this function is on the thread's stack; NULL: always */
    struct interpreted_stacks *object_allocator; /* CPython's, which counts, too; NULL: no */
};

/* Whether there are functions to be hooked by the user's wish. */
static inline bool engine_agent_options_name_functions(const struct engine_agent_options *options) {
    return options->custom_count > 0 || options->within || options->object_allocator;
}

#endif
