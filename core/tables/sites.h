/* Counters per call site: one thread's allocations with one call stack.
 *
 * Each thread has a table of its own, so that counting needs no atomics; snapshots sum
 * them.  Knows neither files nor symbols: the same object is compiled into the agent. */
#ifndef TMPALLOC_SITES_H
#define TMPALLOC_SITES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tables/chains.h"

#define SITE_FREE_STACKS 4
#define SITE_NO_STACK    UINT32_MAX

struct site_distance {
    uint64_t count;
    uint64_t bytes;
};

/* How many temporaries of one distance were freed, with one stack, while their `shared_frames`
 * outermost frames were still the same activations, as far as addresses tell: the innermost of
 * these may be another function, called from the same place. */
struct site_scope {
    struct site_scope *next;
    uint32_t distance;
    uint32_t shared_frames;
    uint64_t count;
    uint64_t bytes;
    uint32_t free_stack; /* number in struct stacks; SITE_NO_STACK: unknown */
};

/* The freeing call of the latest temporary, as far as comparing needs it.  All zeros: none since
 * the thread or the counters began. */
struct site_free_call {
    uint64_t return_address;
    uint64_t stack_pointer;
    uint64_t allocation_stack_pointer;
    uint32_t shared_frames;
    uint32_t stack;
};

struct site_counters {
    uint64_t allocations;
    uint64_t allocated_bytes;
    uint64_t min_size;
    uint64_t max_size;
    uint64_t larger;     /* than the same thread's previous block of the site */
    uint64_t equal;      /* as large as it */
    uint64_t by_realloc; /* temporaries that realloc freed */
};

/* Of several threads, or runs. */
void site_counters_add(struct site_counters *sum, const struct site_counters *part);
void site_distances_add(struct site_distance *sum, const struct site_distance *part, size_t count);

struct site {
    struct site *next; /* in the order of creation */
    uint32_t stack;    /* number in struct stacks */
    bool has_previous; /* previous_size is this thread's */
    uint64_t previous_size;
    uint64_t latest; /* the number of this thread's latest block, see detector.h */
    uint64_t allocation_stack_pointer; /* of the latest allocation */
    struct site_counters counters;
    struct chain_counters *chains; /* NULL: there were none */
    struct site_free_call last_free;
    uint32_t
        free_stacks[SITE_FREE_STACKS]; /* numbers in struct stacks, SITE_NO_STACK when unused */
    struct site_scope *scopes;
    int64_t *threads; /* ids of the threads that allocated here */
    size_t thread_count;
    size_t thread_capacity;
    struct site_distance by_distance[]; /* max_threshold + 1 */
};

struct site_table;

int site_table_create(uint32_t max_threshold, struct site_table **ret);
void site_table_destroy(struct site_table *table);

/* The site of this stack for the thread `tid`, added when new; NULL without memory. */
struct site *site_table_get(struct site_table *table, uint32_t stack, int64_t tid);
struct site *site_table_first(const struct site_table *table);

/* The table's thread exited and the next one takes the table over: counters stay, previous sizes
 * don't. */
void site_table_new_thread(struct site_table *table);
/* Zeroes all counters and forgets thread ids and free stacks; previous sizes stay, since the thread
 * goes on. */
void site_table_reset(struct site_table *table);

void site_count_allocation(struct site *site, uint64_t size_bytes);
void site_count_temporary(struct site *site, uint64_t size_bytes, uint64_t distance,
                          bool by_realloc);
/* TMPALLOC_OK, or TMPALLOC_E_NOMEM when the temporary was not counted. */
int site_count_scope(struct site_table *table, struct site *site, uint32_t distance,
                     uint32_t shared_frames, uint32_t free_stack, uint64_t size_bytes);
/* A fifth distinct free stack is not kept. */
void site_add_free_stack(struct site *site, uint32_t stack);
/* The same for a list of SITE_FREE_STACKS numbers. */
void site_merge_free_stack(uint32_t *free_stacks, uint32_t stack);

#endif
