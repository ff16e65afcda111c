#include "profile/profile_threshold.h"

#include <stdlib.h>

#define PATTERN_PERCENT 80

/* Those of each thread at each of the sites that this one sums. */
static uint64_t count_first_blocks(const struct profile_site *site) {
    uint64_t count = site->part_count == 0 ? site->thread_count : 0;
    for (size_t i = 0; i < site->part_count; i++)
        count += site->parts[i]->thread_count;
    return count;
}

enum profile_pattern profile_find_pattern(const struct profile_site *site, uint64_t temporaries) {
    const struct site_counters *counters = &site->counters;
    if (temporaries < PROFILE_PATTERN_TEMPORARIES)
        return PATTERN_NONE;
    uint64_t first_blocks = count_first_blocks(site);
    if (first_blocks > counters->allocations)
        first_blocks = counters->allocations;
    uint64_t judged = counters->allocations - first_blocks;
    /* After a reset or a mark the first blocks that still count do have a previous one. */
    if (judged < counters->larger + counters->equal)
        judged = counters->larger + counters->equal;
    if (judged == 0)
        return PATTERN_MIXED;
    if (counters->larger * 100 >= judged * PATTERN_PERCENT)
        return PATTERN_GROWS;
    return counters->equal * 100 >= judged * PATTERN_PERCENT ? PATTERN_REPEATS : PATTERN_MIXED;
}

void profile_judge_site(const struct profile *profile, struct profile_site *site) {
    bool knows_scope = site->same_scope_by_distance && profile_knows_scope(site);
    site->count = site->bytes = site->same_scope = site->same_scope_bytes = 0;
    for (uint32_t i = 0; i <= profile->threshold; i++) {
        site->count += site->by_distance[i].count;
        site->bytes += site->by_distance[i].bytes;
        if (!knows_scope)
            continue;
        site->same_scope += site->same_scope_by_distance[i].count;
        site->same_scope_bytes += site->same_scope_by_distance[i].bytes;
    }
    site->pattern = profile_find_pattern(site, site->count);
}

static int profile_threshold_compare_sites(const void *left, const void *right) {
    const struct profile_site *a = left;
    const struct profile_site *b = right;
    if (a->bytes != b->bytes)
        return a->bytes > b->bytes ? -1 : 1;
    if (a->count != b->count)
        return a->count > b->count ? -1 : 1;
    return a->id < b->id ? -1 : a->id > b->id;
}

void profile_sort_sites(struct profile_site *sites, size_t count) {
    if (count > 0)
        qsort(sites, count, sizeof *sites, profile_threshold_compare_sites);
}

int profile_judge(struct profile *profile) {
    size_t distances = (size_t)profile->max_threshold + 1;
    profile->by_distance =
        arena_allocate(&profile->storage, distances, sizeof *profile->by_distance);
    if (!profile->by_distance)
        return TMPALLOC_E_NOMEM;
    profile->count = profile->bytes = 0;
    for (size_t i = 0; i < profile->site_count; i++) {
        struct profile_site *site = &profile->sites[i];
        profile_judge_site(profile, site);
        site_distances_add(profile->by_distance, site->by_distance, distances);
        profile->count += site->count;
        profile->bytes += site->bytes;
    }
    profile_sort_sites(profile->sites, profile->site_count);
    return TMPALLOC_OK;
}

int profile_check_threshold(uint32_t max_threshold, uint32_t threshold, struct error *error) {
    if (threshold <= max_threshold)
        return TMPALLOC_OK;
    return error_set(error, TMPALLOC_E_ARGUMENT,
                     "threshold %u is above the largest one that was recorded, %u", threshold,
                     max_threshold);
}
