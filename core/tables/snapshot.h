/* A copy of all counters at one moment, summed over the threads, as reports need it.
 *
 * Built from the tracker of the breakpoint engines or from the image of the agent; independent of
 * both but for the numbers of stacks. */
#ifndef TMPALLOC_SNAPSHOT_H
#define TMPALLOC_SNAPSHOT_H

#include "support/arena.h"
#include "support/map.h"
#include "tables/sites.h"

struct snapshot_totals {
    uint64_t allocations;
    uint64_t allocated_bytes;
    uint64_t deallocations;
    uint64_t cross_thread_frees;
    uint64_t dropped;  /* events that could not be observed */
    uint64_t entries;  /* outermost calls of the function that events are to come from */
    uint64_t children; /* processes that this one has made, which count nowhere */
};

struct snapshot_site {
    uint32_t id; /* from 1 in the order of first addition, until somebody knows better */
    uint32_t stack;
    struct site_counters counters;
    struct chain_counters *chains;          /* NULL: there were none */
    uint32_t free_stacks[SITE_FREE_STACKS]; /* SITE_NO_STACK when unused */
    struct site_scope *scopes;              /* count > 0, but for what was subtracted */
    int64_t *threads;                       /* ascending, each once */
    size_t thread_count;
    struct site_distance *by_distance; /* max_threshold + 1 */
};

/* A block in its thread's window: it can still become temporary. */
struct snapshot_block {
    uint64_t address;
    uint64_t size_bytes;
    uint64_t age; /* other allocations of the thread since */
    int64_t tid;
    uint32_t stack;
};

struct snapshot {
    uint32_t max_threshold;
    struct snapshot_totals totals;
    struct snapshot_site *sites; /* by stack number, allocations > 0 */
    size_t site_count;
    struct snapshot_block *blocks; /* thread by thread, the latest first */
    size_t block_count;
    struct arena storage; /* of the above */
};

void snapshot_deinit(struct snapshot *snapshot);
/* TMPALLOC_OK, or TMPALLOC_E_NOMEM with *ret untouched. */
int snapshot_copy(const struct snapshot *snapshot, struct snapshot *ret);
/* What `later` has more than `earlier`, in place; smallest and largest sizes and threads stay
 * those of `later`.  Sites without new allocations and temporaries are removed, blocks stay.  Both
 * are of the same source, with no reset in between. */
void snapshot_subtract(struct snapshot *later, const struct snapshot *earlier);

/* All temporaries at a threshold; what is above the highest recorded counts as that. */
struct site_distance snapshot_temporaries(const struct snapshot *snapshot, uint32_t threshold);

/* Sums sites of several threads. */
struct snapshot_builder {
    struct snapshot snapshot;
    struct map by_stack; /* -> struct snapshot_site * */
    struct snapshot_site **sites;
    size_t site_capacity;
    struct site_tid *tids;
    size_t tid_count;
    size_t tid_capacity;
    struct snapshot_block *blocks;
    size_t block_capacity;
};

void snapshot_builder_init(struct snapshot_builder *builder, uint32_t max_threshold,
                           const struct snapshot_totals *totals);
/* Releases what was not taken by snapshot_builder_finish(). */
void snapshot_builder_deinit(struct snapshot_builder *builder);

/* Adds one thread's part of a site; of `part` are used: stack, the counters, chains,
 * by_distance, free_stacks and scopes.  *ret is the sum.  TMPALLOC_OK or TMPALLOC_E_NOMEM. */
int snapshot_builder_add(struct snapshot_builder *builder, const struct snapshot_site *part,
                         struct snapshot_site **ret);
/* A thread that allocated there; TMPALLOC_OK or TMPALLOC_E_NOMEM. */
int snapshot_builder_add_thread(struct snapshot_builder *builder, struct snapshot_site *site,
                                int64_t tid);
/* A block of a site that was or will be added; TMPALLOC_OK or TMPALLOC_E_NOMEM. */
int snapshot_builder_add_block(struct snapshot_builder *builder,
                               const struct snapshot_block *block);
/* TMPALLOC_OK with the caller as *ret's owner, or TMPALLOC_E_NOMEM with *ret untouched. */
int snapshot_builder_finish(struct snapshot_builder *builder, struct snapshot *ret);

#endif
