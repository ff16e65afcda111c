/* The breakpoints of the breakpoint engine at functions: entry points and the --within function, or
 * where the dynamic linker asks which function an indirect one is. */
#ifndef TMPALLOC_ENGINE_ENTRIES_H
#define TMPALLOC_ENGINE_ENTRIES_H

#include "engines/engine_state.h"

/* Sets those of the entry points found, as many as there are registers for, and releases those of
 * others.  Takes `entries`, also when it fails. */
int engine_entries_set(struct engine_breakpoint *engine, const struct entry_points *entries,
                       struct error *error);
/* The same of the --within function, if there is one. */
int engine_entries_set_within(struct engine_breakpoint *engine, struct error *error);
/* Releases those at resolvers of which nothing is awaited any more. */
void engine_entries_release_resolvers(struct engine_breakpoint *engine);

/* A resolver returned the function that it stands for, which counts from now on.  May be called
 * while a hit is handled. */
int engine_entries_follow(struct engine_breakpoint *engine, uint64_t resolver, uint64_t target,
                          struct error *error);

#endif
