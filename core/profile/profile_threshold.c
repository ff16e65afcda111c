#include "profile/profile_threshold.h"

#include <stdlib.h>
#include <string.h>

#include "profile/profile_charge.h"
#include "support/memory.h"

#define PATTERN_PERCENT 80

enum profile_pattern profile_find_pattern(const struct profile_site *site, uint64_t temporaries) {
    const struct site_counters *counters = &site->counters;
    if (temporaries < PROFILE_PATTERN_TEMPORARIES)
        return PATTERN_NONE;
    uint64_t first_blocks =
        site->thread_count < counters->allocations ? site->thread_count : counters->allocations;
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

static void sum_site(struct profile *profile, struct profile_site *site) {
    site->count = site->bytes = site->same_scope = site->same_scope_bytes = 0;
    for (uint32_t i = 0; i <= profile->max_threshold; i++) {
        const struct site_distance *distance = &site->by_distance[i];
        profile->by_distance[i].count += distance->count;
        profile->by_distance[i].bytes += distance->bytes;
        if (i > profile->threshold)
            continue;
        site->count += distance->count;
        site->bytes += distance->bytes;
        if (!profile_knows_scope(site))
            continue;
        site->same_scope += site->same_scope_by_distance[i].count;
        site->same_scope_bytes += site->same_scope_by_distance[i].bytes;
    }
    profile->count += site->count;
    profile->bytes += site->bytes;
}

static int compare_sites(const void *left, const void *right) {
    const struct profile_site *a = left;
    const struct profile_site *b = right;
    if (a->bytes != b->bytes)
        return a->bytes > b->bytes ? -1 : 1;
    if (a->count != b->count)
        return a->count > b->count ? -1 : 1;
    return a->id < b->id ? -1 : a->id > b->id;
}

int profile_judge(struct profile *profile) {
    profile->by_distance = arena_allocate(&profile->storage, (size_t)profile->max_threshold + 1,
                                          sizeof *profile->by_distance);
    if (!profile->by_distance)
        return TMPALLOC_E_NOMEM;
    profile->count = profile->bytes = 0;
    for (size_t i = 0; i < profile->site_count; i++) {
        sum_site(profile, &profile->sites[i]);
        profile->sites[i].pattern =
            profile_find_pattern(&profile->sites[i], profile->sites[i].count);
    }
    if (profile->site_count > 0)
        qsort(profile->sites, profile->site_count, sizeof *profile->sites, compare_sites);
    return TMPALLOC_OK;
}

int profile_check_threshold(uint32_t max_threshold, uint32_t threshold, struct error *error) {
    if (threshold <= max_threshold)
        return TMPALLOC_OK;
    return error_set(error, TMPALLOC_E_ARGUMENT,
                     "threshold %u is above the largest one that was recorded, %u", threshold,
                     max_threshold);
}

static void show_native_frames(struct profile_site *site) {
    const struct profile_site *native = site->native;
    site->stack = native->stack;
    site->location = native->location;
    site->same_scope_by_distance = native->same_scope_by_distance;
    site->free_stack_count = native->free_stack_count;
    memcpy(site->free_stacks, native->free_stacks, sizeof site->free_stacks);
}

static int copy_sites(const struct profile *profile, const struct profile_view *view,
                      struct profile *copy) {
    copy->sites = arena_allocate(&copy->storage, profile->site_count, sizeof *copy->sites);
    if (!copy->sites)
        return TMPALLOC_E_NOMEM;
    for (size_t i = 0; i < profile->site_count; i++) {
        copy->sites[i] = profile->sites[i];
        if (view->native_frames && copy->sites[i].native)
            show_native_frames(&copy->sites[i]);
    }
    const struct charge_source source = {.settings = view->settings,
                                         .executable = profile->executable};
    int status = profile_charge(copy, &source, view->by);
    return status == TMPALLOC_OK ? profile_judge(copy) : status;
}

int profile_at(const struct profile *profile, const struct profile_view *view, struct error *error,
               struct profile **ret) {
    int status = profile_check_threshold(profile->max_threshold, view->threshold, error);
    if (status != TMPALLOC_OK)
        return status;
    struct profile *copy = memory_allocate(sizeof *copy);
    if (!copy)
        return error_no_memory(error);
    *copy = *profile;
    copy->storage = (struct arena){0};
    copy->charge = NULL;
    copy->threshold = view->threshold;
    status = copy_sites(profile, view, copy);
    if (status != TMPALLOC_OK) {
        profile_destroy(copy);
        return error_of_status(error, status);
    }
    *ret = copy;
    return TMPALLOC_OK;
}
