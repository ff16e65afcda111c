/* Sums over sites that come from files and need not fit. */
#ifndef TMPALLOC_PROFILE_AMOUNTS_H
#define TMPALLOC_PROFILE_AMOUNTS_H

#include <stdbool.h>

#include "profile/profile.h"

/* All that reports add up, each at most INT64_MAX, which is what JSON can hold. */
struct profile_sums {
    uint64_t count;
    uint64_t bytes;
    uint64_t allocations;
    uint64_t allocated_bytes;
    uint64_t chain_steps;
    uint64_t chain_bytes;
};

/* False: a sum would be too large. */
bool profile_amount_add(uint64_t *sum, uint64_t part);

/* Adds a site's counters, its temporaries of all distances, and its growth chains; false: a sum
 * would be too large. */
bool profile_sums_add(struct profile_sums *sums, const struct profile *profile,
                      const struct profile_site *site);

#endif
