/* Growth chains: blocks of one thread of which each is larger than the one that it replaces.
 *
 * A block that its own thread frees within the window is replaced by what realloc made of it, when
 * that is larger; or, when it is freed otherwise, by that thread's latest block of the same site,
 * when that is younger, not freed, larger, and replaces no other block.  That is a step; the block
 * goes on with the chain of the one that it replaces.  A realloc to the same or a smaller size
 * hands the chain on without a step.  All other ends of a block end its chain.
 *
 * Each thread has an array with the chains of the blocks in its window.  A chain's block has its
 * number there: so nothing is to be done for a block that leaves the window, nor for one without a
 * chain.  Compiled into the agent as well. */
#ifndef TMPALLOC_CHAINS_H
#define TMPALLOC_CHAINS_H

#include "tables/detector.h"

#define CHAIN_SIZES 65

/* The chains of a site, that of their second blocks. */
struct chain_counters {
    uint64_t count;
    uint64_t steps;
    uint64_t replaced_bytes; /* of the blocks that a larger one replaced */
    uint64_t longest;        /* most steps of one */
    uint64_t largest;        /* bytes of the largest block */
    /* By the largest block of each chain so far: [k] those of 2^(k-1) < bytes <= 2^k. */
    uint64_t final_sizes[CHAIN_SIZES];
};

/* Of several threads, or runs. */
void chain_counters_add(struct chain_counters *sum, const struct chain_counters *part);
/* What `later` has more, in place.  The longest and the largest stay; chains that went on count as
 * far as their sizes are of another power of two, at least one. */
void chain_counters_subtract(struct chain_counters *later, const struct chain_counters *earlier);

/* One thread's. */
struct chains;

int chains_create(const struct detector *detector, struct chains **ret);
void chains_destroy(struct chains *chains);

/* A block of one thread by the number of its allocation. */
struct chain_block {
    uint64_t number;
    uint64_t size_bytes;
};

/* The thread freed `older`, but not by realloc, and `newer` is its latest block of the site:
 * whether that replaces it. */
bool chains_is_replaced(const struct chains *chains, struct detector *detector,
                        const struct window *window, struct chain_block older,
                        struct chain_block newer);

/* It does, or is a larger block that realloc made.  *counters are those of newer's site, made when
 * they are NULL and needed.  TMPALLOC_OK, or TMPALLOC_E_NOMEM when the step was not counted. */
int chains_step(struct chains *chains, struct chain_block older, struct chain_block newer,
                struct chain_counters **counters);

/* realloc made one that isn't larger. */
void chains_hand_on(struct chains *chains, uint64_t older, uint64_t newer);

#endif
