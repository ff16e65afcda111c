#include "profile/profile_merge.h"

#include <stdlib.h>
#include <string.h>

#include "profile/profile_amounts.h"
#include "profile/profile_match.h"
#include "profile/profile_threshold.h"
#include "support/memory.h"
#include "support/progress.h"

struct merging {
    struct profile *sum;
    struct profile_match *match;
    struct profile_match *free_match;
    bool is_first; /* of the files: its sites keep their ids */
    uint32_t last_id;
    size_t capacity; /* of sum->sites */
    struct profile_sums sums;
    struct error *error;
};

static int no_memory(const struct merging *merging) {
    return error_no_memory(merging->error);
}

static int too_large(const struct merging *merging) {
    return error_set(merging->error, TMPALLOC_E_ARGUMENT,
                     "the sum of these files is too large: more than 63 bits");
}

static void *keep(const struct merging *merging, size_t count, size_t size_bytes) {
    return arena_allocate(&merging->sum->storage, count, size_bytes);
}

/* Adds the first distances; *ret is the sum's own. */
static int add_distances(const struct merging *merging, const struct site_distance *part,
                         const struct site_distance **ret) {
    size_t count = (size_t)merging->sum->max_threshold + 1;
    struct site_distance *sum = keep(merging, count, sizeof *sum);
    if (!sum)
        return no_memory(merging);
    memcpy(sum, part, count * sizeof *sum);
    if (*ret)
        site_distances_add(sum, *ret, count);
    *ret = sum;
    return TMPALLOC_OK;
}

/* Both lists ascend. */
static int add_threads(const struct merging *merging, const struct profile_site *part,
                       struct profile_site *site) {
    int64_t *threads = keep(merging, site->thread_count + part->thread_count, sizeof *threads);
    if (!threads)
        return no_memory(merging);
    size_t count = 0, a = 0, b = 0;
    while (a < site->thread_count || b < part->thread_count) {
        bool is_known = b == part->thread_count ||
                        (a < site->thread_count && site->threads[a] <= part->threads[b]);
        int64_t thread = is_known ? site->threads[a++] : part->threads[b++];
        if (count == 0 || threads[count - 1] != thread)
            threads[count++] = thread;
    }
    site->threads = threads;
    site->thread_count = count;
    return TMPALLOC_OK;
}

static int has_free_stack(const struct merging *merging, const struct profile_site *site,
                          const struct profile_stack *stack, bool *ret) {
    uint32_t wanted, number;
    int status = profile_match_stack(merging->free_match, stack, 0, &wanted);
    *ret = false;
    for (size_t i = 0; i < site->free_stack_count && status == TMPALLOC_OK; i++) {
        status = profile_match_stack(merging->free_match, &site->free_stacks[i], 0, &number);
        *ret |= status == TMPALLOC_OK && number == wanted;
    }
    return status == TMPALLOC_OK ? status : no_memory(merging);
}

static int add_free_stacks(const struct merging *merging, const struct profile_site *part,
                           struct profile_site *site) {
    for (size_t i = 0; i < part->free_stack_count; i++) {
        bool known;
        int status = has_free_stack(merging, site, &part->free_stacks[i], &known);
        if (status != TMPALLOC_OK)
            return status;
        if (!known && site->free_stack_count < SITE_FREE_STACKS)
            site->free_stacks[site->free_stack_count++] = part->free_stacks[i];
    }
    return TMPALLOC_OK;
}

/* Known of the sum where it is of each part. */
static int add_scopes(const struct merging *merging, const struct profile_site *part,
                      struct profile_site *site) {
    site->has_scopes &= part->has_scopes;
    for (const struct site_scope *from = part->scopes; site->has_scopes && from;
         from = from->next) {
        struct site_scope *scope = keep(merging, 1, sizeof *scope);
        if (!scope)
            return no_memory(merging);
        *scope = *from;
        scope->next = (struct site_scope *)site->scopes;
        site->scopes = scope;
    }
    return TMPALLOC_OK;
}

/* What depends on the frames that are shown. */
static int add_frames(const struct merging *merging, const struct profile_site *part,
                      struct profile_site *site) {
    int status = TMPALLOC_OK;
    if (!part->same_scope_by_distance || part->location != site->location)
        site->same_scope_by_distance = NULL;
    if (site->same_scope_by_distance)
        status =
            add_distances(merging, part->same_scope_by_distance, &site->same_scope_by_distance);
    if (status == TMPALLOC_OK)
        status = add_scopes(merging, part, site);
    return status == TMPALLOC_OK ? add_free_stacks(merging, part, site) : status;
}

/* The interpreter's own frames of a site that has none of these are among its others. */
static int add_native(const struct merging *merging, const struct profile_site *part,
                      struct profile_site *site) {
    if (!part->native || !site->native)
        return TMPALLOC_OK;
    struct profile_site *native = keep(merging, 1, sizeof *native);
    if (!native)
        return no_memory(merging);
    *native = *site->native;
    site->native = native;
    return add_frames(merging, part->native, native);
}

static int add_chains(const struct merging *merging, const struct chain_counters *part,
                      const struct chain_counters **ret) {
    if (!part)
        return TMPALLOC_OK;
    struct chain_counters *sum = keep(merging, 1, sizeof *sum);
    if (!sum)
        return no_memory(merging);
    *sum = *part;
    if (*ret)
        chain_counters_add(sum, *ret);
    *ret = sum;
    return TMPALLOC_OK;
}

static int add_part(const struct merging *merging, const struct profile_site *part,
                    struct profile_site *site) {
    site_counters_add(&site->counters, &part->counters);
    int status = add_distances(merging, part->by_distance, &site->by_distance);
    if (status == TMPALLOC_OK)
        status = add_chains(merging, part->chains, &site->chains);
    if (status == TMPALLOC_OK)
        status = add_threads(merging, part, site);
    if (status == TMPALLOC_OK)
        status = add_frames(merging, part, site);
    return status == TMPALLOC_OK ? add_native(merging, part, site) : status;
}

/* Numbers of the match are those of the sum's sites. */
static int find_site(struct merging *merging, const struct profile_site *part, uint32_t *ret) {
    const struct profile_stack *stack = part->native ? &part->native->stack : &part->stack;
    if (profile_match_stack(merging->match, stack, 0, ret) != TMPALLOC_OK)
        return no_memory(merging);
    if (MEMORY_RESERVE(merging->sum->sites, &merging->capacity, merging->sum->site_count + 1))
        return no_memory(merging);
    return TMPALLOC_OK;
}

static int add_site(struct merging *merging, const struct profile_site *part) {
    struct profile *sum = merging->sum;
    uint32_t number;
    int status = find_site(merging, part, &number);
    if (status != TMPALLOC_OK)
        return status;
    if (!profile_sums_add(&merging->sums, sum, part))
        return too_large(merging);
    if (number < sum->site_count)
        return add_part(merging, part, &sum->sites[number]);
    sum->sites[number] = *part;
    if (!merging->is_first)
        sum->sites[number].id = merging->last_id + 1;
    if (sum->sites[number].id > merging->last_id)
        merging->last_id = sum->sites[number].id;
    sum->site_count++;
    return TMPALLOC_OK;
}

static int add_totals(const struct merging *merging, const struct snapshot_totals *part) {
    struct snapshot_totals *sum = &merging->sum->totals;
    bool fits = profile_amount_add(&sum->allocations, part->allocations) &&
                profile_amount_add(&sum->allocated_bytes, part->allocated_bytes) &&
                profile_amount_add(&sum->deallocations, part->deallocations) &&
                profile_amount_add(&sum->cross_thread_frees, part->cross_thread_frees) &&
                profile_amount_add(&sum->dropped, part->dropped);
    return fits ? TMPALLOC_OK : too_large(merging);
}

static int compare_ids(const void *left, const void *right) {
    const struct profile_site *a = left;
    const struct profile_site *b = right;
    return (a->id > b->id) - (a->id < b->id);
}

/* Site by site in the order of their ids, which what is added keeps. */
static int add_profile(struct merging *merging, const struct profile *part) {
    int status = add_totals(merging, &part->totals);
    if (part->site_count > 0)
        qsort(part->sites, part->site_count, sizeof *part->sites, compare_ids);
    for (size_t i = 0; i < part->site_count && status == TMPALLOC_OK; i++) {
        status = error_of_status(merging->error,
                                 progress_step("summing up", i, part->site_count, "call sites"));
        if (status == TMPALLOC_OK)
            status = add_site(merging, &part->sites[i]);
    }
    return status;
}

/* What they have in common. */
static void describe(struct profile *const *profiles, size_t count, struct profile *sum) {
    sum->engine = profiles[0]->engine;
    sum->executable = profiles[0]->executable;
    sum->max_threshold = profiles[0]->max_threshold;
    sum->incomplete = profiles[0]->incomplete;
    for (size_t i = 1; i < count; i++) {
        const struct profile *other = profiles[i];
        sum->incomplete |= other->incomplete;
        if (other->max_threshold < sum->max_threshold)
            sum->max_threshold = other->max_threshold;
        if (strcmp(other->engine, sum->engine) != 0)
            sum->engine = "several";
        if (sum->executable &&
            (!other->executable || strcmp(other->executable, sum->executable) != 0))
            sum->executable = NULL;
    }
    sum->threshold = profiles[0]->threshold;
    if (sum->threshold > sum->max_threshold)
        sum->threshold = sum->max_threshold;
}

/* The sites of a sum move to its storage, with what they refer to. */
static int finish(struct merging *merging, struct profile **profiles, size_t count) {
    struct profile *sum = merging->sum;
    struct profile_site *sites = keep(merging, sum->site_count, sizeof *sites);
    if (!sites)
        return no_memory(merging);
    if (sum->site_count > 0)
        memcpy(sites, sum->sites, sum->site_count * sizeof *sites);
    memory_release(sum->sites);
    sum->sites = sites;
    if (profile_judge(sum) != TMPALLOC_OK) {
        sum->sites = NULL;
        return no_memory(merging);
    }
    for (size_t i = 0; i < count; i++) {
        arena_take(&sum->storage, &profiles[i]->storage);
        profile_destroy(profiles[i]);
    }
    return TMPALLOC_OK;
}

static int merge(struct merging *merging, struct profile **profiles, size_t count) {
    if (profile_match_create(true, &merging->match) != TMPALLOC_OK ||
        profile_match_create(true, &merging->free_match) != TMPALLOC_OK)
        return no_memory(merging);
    describe(profiles, count, merging->sum);
    int status = TMPALLOC_OK;
    for (size_t i = 0; i < count && status == TMPALLOC_OK; i++) {
        merging->is_first = i == 0;
        status = add_profile(merging, profiles[i]);
    }
    return status == TMPALLOC_OK ? finish(merging, profiles, count) : status;
}

int profile_merge(struct profile **profiles, size_t count, struct error *error,
                  struct profile **ret) {
    if (count == 1) {
        *ret = profiles[0];
        return TMPALLOC_OK;
    }
    struct merging merging = {.error = error};
    merging.sum = memory_allocate_zeroed(1, sizeof *merging.sum);
    if (!merging.sum)
        return error_no_memory(error);
    int status = merge(&merging, profiles, count);
    profile_match_destroy(merging.match);
    profile_match_destroy(merging.free_match);
    if (status == TMPALLOC_OK) {
        *ret = merging.sum;
        return TMPALLOC_OK;
    }
    memory_release(merging.sum->sites);
    profile_destroy(merging.sum);
    return status;
}
