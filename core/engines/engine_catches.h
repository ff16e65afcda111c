/* Temporaries at which the program is to stop, as the engines see it.  The same filters are
 * evaluated where the events are: here, or in the debuggee by the agent. */
#ifndef TMPALLOC_ENGINE_CATCHES_H
#define TMPALLOC_ENGINE_CATCHES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tmpalloc/catch_filter.h"

#include "tables/sites.h"

#define ENGINE_CATCHES       16
#define ENGINE_BETWEEN_LIMIT 16

/* No number of a stack. */
#define ENGINE_NO_STACK SITE_NO_STACK

/* A temporary that a stopped thread is about to free. */
struct engine_caught {
    uint64_t thread; /* key */
    uint64_t address;
    uint64_t size_bytes;
    uint64_t distance;
    uint32_t stack;      /* of its allocation */
    uint32_t free_stack; /* of the freeing call; ENGINE_NO_STACK: not known */
    uint32_t catches;    /* bits: those that stop for it */
    uint32_t site;       /* its number in reports; 0: it has none */
    bool silent;         /* the user wants no word about it */
    uint32_t between_count;
    struct {
        uint64_t size_bytes;
        uint32_t stack;
    } between[ENGINE_BETWEEN_LIMIT]; /* the first allocations after its own */
};

struct engine_catches {
    struct catch_filter
        items[ENGINE_CATCHES]; /* their matches: now, or when the process stopped last */
    uint32_t active;           /* bits of `items` */
    uint32_t anywhere;         /* bits: those to which the call stack doesn't matter */
    uint64_t generation;       /* another one whenever `decide` may give other bits; not 0 */
    /* Of the others those that an allocation with this stack is one of. */
    uint32_t (*decide)(void *arg, uint32_t stack);
    void *arg;
    /* A block to be watched.  Both are called while a hit is handled: when the stack has allocated
     * one, which is then `watched`, and when that is about to be freed. */
    uint32_t awaited_stack; /* ENGINE_NO_STACK: none */
    uint64_t watched;       /* its address; 0: none */
    void (*allocated)(void *arg, uint64_t address, uint64_t size_bytes);
    void (*freed)(void *arg);
    struct engine_caught *caught; /* at the present stop; for the engines to add to */
    size_t caught_count;
    size_t caught_capacity;
};

/* Counts the matches of a temporary; the bits of those that stop for it. */
uint32_t engine_catches_match(struct engine_catches *catches, uint64_t size_bytes,
                              uint64_t distance, uint32_t stack);

/* TMPALLOC_STOP, or TMPALLOC_E_NOMEM. */
int engine_catches_add(struct engine_catches *catches, const struct engine_caught *caught);

#endif
