#include "profile/profile_amounts.h"

bool profile_amount_add(uint64_t *sum, uint64_t part) {
    return !__builtin_add_overflow(*sum, part, sum) && *sum <= INT64_MAX;
}

bool profile_sums_add(struct profile_sums *sums, const struct profile *profile,
                      const struct profile_site *site) {
    bool fits = profile_amount_add(&sums->allocations, site->counters.allocations) &&
                profile_amount_add(&sums->allocated_bytes, site->counters.allocated_bytes);
    if (site->chains)
        fits = fits && profile_amount_add(&sums->chain_steps, site->chains->steps) &&
               profile_amount_add(&sums->chain_bytes, site->chains->replaced_bytes);
    for (uint32_t i = 0; fits && i <= profile->max_threshold; i++)
        fits = profile_amount_add(&sums->count, site->by_distance[i].count) &&
               profile_amount_add(&sums->bytes, site->by_distance[i].bytes);
    return fits;
}
