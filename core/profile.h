/* Results ready for reporting: counters with symbolized stacks, independent of any process.
 *
 * Built from a tracker's snapshot; reports need nothing else. */
#ifndef TMPALLOC_PROFILE_H
#define TMPALLOC_PROFILE_H

#include "error.h"
#include "symbolizer.h"
#include "tracker.h"

enum profile_pattern { PATTERN_NONE, PATTERN_GROWS, PATTERN_REPEATS, PATTERN_MIXED };

/* A symbolized call stack, innermost first.  Owned by the profile. */
struct profile_stack {
    const struct symbol *const *symbols;
    size_t count;
    bool truncated;
};

struct profile_site {
    uint32_t id;    /* 1 = most bytes; stable for one profile */
    uint64_t count; /* temporaries at the profile's threshold */
    uint64_t bytes;
    uint64_t allocations;
    uint64_t allocated_bytes;
    uint64_t min_size;
    uint64_t max_size;
    uint64_t larger;
    uint64_t equal;
    uint64_t by_realloc;
    uint64_t same_scope;
    const struct site_distance *by_distance; /* max_threshold + 1 */
    const int64_t *threads;                  /* ascending */
    size_t thread_count;
    enum profile_pattern pattern;
    size_t location; /* index in stack.symbols of the site's location */
    struct profile_stack stack;
    struct profile_stack free_stacks[SITE_FREE_STACKS];
    size_t free_stack_count;
};

struct profile {
    const char *engine; /* "breakpoint", "hardware", "agent" */
    uint32_t threshold;
    uint32_t max_threshold;
    int64_t pid;
    const char *executable;    /* NULL: unknown */
    const char *const *arguments; /* NULL-terminated; NULL: unknown */
    struct tracker_totals totals;
    uint64_t count; /* all temporaries at the threshold */
    uint64_t bytes;
    struct site_distance *by_distance;
    struct profile_site *sites; /* by bytes, then count, then first sight */
    size_t site_count;
    void *owned; /* storage of the above */
};

struct profile_source {
    struct tracker_snapshot *snapshot;
    const struct stacks *stacks;
    struct symbolizer *symbolizer;
    const char *engine;
    int64_t pid;
    const char *executable;
    const char *const *arguments;
};

/* Symbolizes and sorts; everything is copied except the symbolizer's strings. */
int profile_create(const struct profile_source *source, uint32_t threshold, struct error *error,
                   struct profile **ret);
void profile_destroy(struct profile *profile);

/* "foo at example.py:4", "foo in libx.so", "libx.so+0x1234"; appended to text. */
struct text;
void profile_append_location(struct text *text, const struct symbol *symbol);
/* Whether a function of this name is an allocator by SPEC.md, section 1. */
bool profile_is_allocator(const char *function);
const char *profile_pattern_name(enum profile_pattern pattern); /* "" for PATTERN_NONE */

#endif
