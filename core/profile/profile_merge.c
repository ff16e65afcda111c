#include "profile/profile_merge.h"

#include <string.h>

#include "profile/profile_amounts.h"
#include "profile/profile_match.h"
#include "profile/site_sums.h"
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

static void *profile_merge_keep(const struct merging *merging, size_t count, size_t size_bytes) {
    return arena_allocate(&merging->sum->storage, count, size_bytes);
}

/* *ret is the site's number of them when it has none that matches. */
static int find_free_stack(const struct merging *merging, const struct profile_site *site,
                           const struct profile_stack *stack, size_t *ret) {
    uint32_t wanted, number;
    int status = profile_match_stack(merging->free_match, stack, stack->count, &wanted);
    size_t i = 0;
    for (; i < site->free_stack_count && status == TMPALLOC_OK; i++) {
        status = profile_match_stack(merging->free_match, &site->free_stacks[i],
                                     site->free_stacks[i].count, &number);
        if (status == TMPALLOC_OK && number == wanted)
            break;
    }
    *ret = i;
    return status == TMPALLOC_OK ? status : no_memory(merging);
}

static int profile_merge_add_free_stacks(const struct merging *merging,
                                         const struct profile_site *part,
                                         struct profile_site *site) {
    for (size_t i = 0; i < part->free_stack_count; i++) {
        size_t place;
        int status = find_free_stack(merging, site, &part->free_stacks[i], &place);
        if (status != TMPALLOC_OK)
            return status;
        if (site_sums_add_free(&merging->sum->storage, &part->free_stacks[i], part->free_counts[i],
                               place, site))
            return no_memory(merging);
    }
    return TMPALLOC_OK;
}

/* Onto copies of the sum's own. */
static int profile_merge_add_scopes(const struct merging *merging, const struct profile_site *part,
                                    struct profile_site *site) {
    const struct site_scope *lists[] = {site->scopes, part->scopes};
    struct site_scope *sum = NULL;
    for (size_t i = 0; i < 2; i++) {
        for (const struct site_scope *scope = lists[i]; scope; scope = scope->next) {
            if (site_sums_add_scope(&merging->sum->storage, scope, scope->shared_frames, &sum))
                return no_memory(merging);
        }
    }
    site->scopes = sum;
    return TMPALLOC_OK;
}

static int add_part(const struct merging *merging, const struct profile_site *part,
                    struct profile_site *site) {
    struct profile *sum = merging->sum;
    int status = site_sums_add(&sum->storage, sum->max_threshold, part, site);
    if (status != TMPALLOC_OK)
        return no_memory(merging);
    status = profile_merge_add_scopes(merging, part, site);
    return status == TMPALLOC_OK ? profile_merge_add_free_stacks(merging, part, site) : status;
}

/* Numbers of the match are those of the sum's sites. */
static int profile_merge_find_site(struct merging *merging, const struct profile_site *part,
                                   uint32_t *ret) {
    if (profile_match_stack(merging->match, &part->stack, part->stack.count, ret) != TMPALLOC_OK)
        return no_memory(merging);
    if (MEMORY_RESERVE(merging->sum->sites, &merging->capacity, merging->sum->site_count + 1))
        return no_memory(merging);
    return TMPALLOC_OK;
}

static int profile_merge_add_site(struct merging *merging, const struct profile_site *part) {
    struct profile *sum = merging->sum;
    uint32_t number;
    int status = profile_merge_find_site(merging, part, &number);
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
                profile_amount_add(&sum->dropped, part->dropped) &&
                profile_amount_add(&sum->entries, part->entries) &&
                profile_amount_add(&sum->children, part->children);
    return fits ? TMPALLOC_OK : too_large(merging);
}

static int add_profile(struct merging *merging, const struct profile *part) {
    int status = add_totals(merging, &part->totals);
    for (size_t i = 0; i < part->site_count && status == TMPALLOC_OK; i++) {
        status = error_of_status(merging->error,
                                 progress_step("summing up", i, part->site_count, "call sites"));
        if (status == TMPALLOC_OK)
            status = profile_merge_add_site(merging, &part->sites[i]);
    }
    return status;
}

/* A sum is worth no more than the worst of its parts. */
static void describe_ending(const struct profile *part, struct profile *sum) {
    if (profile_ending_worth(&part->ending, part->incomplete) >
        profile_ending_worth(&sum->ending, sum->incomplete))
        sum->ending = part->ending;
    sum->incomplete |= part->incomplete;
    sum->covered &= part->covered;
}

/* What they have in common. */
static void profile_merge_describe(struct profile *const *profiles, size_t count,
                                   struct profile *sum) {
    sum->engine = profiles[0]->engine;
    sum->executable = profiles[0]->executable;
    sum->max_threshold = profiles[0]->max_threshold;
    sum->incomplete = profiles[0]->incomplete;
    sum->ending = profiles[0]->ending;
    sum->covered = profiles[0]->covered;
    sum->unmatched = profiles[0]->unmatched;
    sum->directories = profiles[0]->directories;
    for (size_t i = 1; i < count; i++) {
        const struct profile *other = profiles[i];
        describe_ending(other, sum);
        sum->unmatched |= other->unmatched;
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

static bool is_module_listed(const char *const *list, size_t count, const char *path) {
    for (size_t i = 0; i < count; i++) {
        if (strcmp(list[i], path) == 0)
            return true;
    }
    return false;
}

static size_t count_interpreters(const struct profile *profile) {
    size_t count = 0;
    while (profile->interpreters && profile->interpreters[count])
        count++;
    return count;
}

static int list_interpreters(const struct merging *merging, struct profile *const *profiles,
                             size_t count) {
    size_t most = 0, listed = 0;
    for (size_t i = 0; i < count; i++)
        most += count_interpreters(profiles[i]);
    const char **list = profile_merge_keep(merging, most + 1, sizeof *list);
    if (!list)
        return no_memory(merging);
    for (size_t i = 0; i < count; i++) {
        for (size_t k = 0; k < count_interpreters(profiles[i]); k++) {
            if (!is_module_listed(list, listed, profiles[i]->interpreters[k]))
                list[listed++] = profiles[i]->interpreters[k];
        }
    }
    merging->sum->interpreters = listed > 0 ? list : NULL;
    return TMPALLOC_OK;
}

/* The sites of a sum move to its storage, with what they refer to. */
static int profile_merge_finish(struct merging *merging, struct profile **profiles, size_t count) {
    struct profile *sum = merging->sum;
    struct profile_site *sites = profile_merge_keep(merging, sum->site_count, sizeof *sites);
    if (!sites)
        return no_memory(merging);
    if (sum->site_count > 0)
        memcpy(sites, sum->sites, sum->site_count * sizeof *sites);
    memory_release(sum->sites);
    sum->sites = sites;
    for (size_t i = 0; i < count; i++) {
        arena_take(&sum->storage, &profiles[i]->storage);
        profile_destroy(profiles[i]);
    }
    return TMPALLOC_OK;
}

static int profile_merge_merge(struct merging *merging, struct profile **profiles, size_t count) {
    if (profile_match_create(true, &merging->match) != TMPALLOC_OK ||
        profile_match_create(true, &merging->free_match) != TMPALLOC_OK)
        return no_memory(merging);
    profile_merge_describe(profiles, count, merging->sum);
    int status = list_interpreters(merging, profiles, count);
    for (size_t i = 0; i < count && status == TMPALLOC_OK; i++) {
        merging->is_first = i == 0;
        status = add_profile(merging, profiles[i]);
    }
    return status == TMPALLOC_OK ? profile_merge_finish(merging, profiles, count) : status;
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
    int status = profile_merge_merge(&merging, profiles, count);
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
