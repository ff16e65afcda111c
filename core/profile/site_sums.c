#include "profile/site_sums.h"

#include <string.h>

static int site_sums_add_distances(struct arena *storage, uint32_t max_threshold,
                                   const struct site_distance *part,
                                   const struct site_distance **ret) {
    size_t count = (size_t)max_threshold + 1;
    struct site_distance *sum = arena_allocate(storage, count, sizeof *sum);
    if (!sum)
        return TMPALLOC_E_NOMEM;
    memcpy(sum, part, count * sizeof *sum);
    site_distances_add(sum, *ret, count);
    *ret = sum;
    return TMPALLOC_OK;
}

static int site_sums_add_chains(struct arena *storage, const struct chain_counters *part,
                                const struct chain_counters **ret) {
    if (!part)
        return TMPALLOC_OK;
    struct chain_counters *sum = arena_allocate(storage, 1, sizeof *sum);
    if (!sum)
        return TMPALLOC_E_NOMEM;
    *sum = *part;
    if (*ret)
        chain_counters_add(sum, *ret);
    *ret = sum;
    return TMPALLOC_OK;
}

/* Both lists ascend. */
static int add_threads(struct arena *storage, const struct profile_site *part,
                       struct profile_site *sum) {
    int64_t *threads =
        arena_allocate(storage, sum->thread_count + part->thread_count, sizeof *threads);
    if (!threads)
        return TMPALLOC_E_NOMEM;
    size_t count = 0, a = 0, b = 0;
    while (a < sum->thread_count || b < part->thread_count) {
        bool is_known = b == part->thread_count ||
                        (a < sum->thread_count && sum->threads[a] <= part->threads[b]);
        int64_t thread = is_known ? sum->threads[a++] : part->threads[b++];
        if (count == 0 || threads[count - 1] != thread)
            threads[count++] = thread;
    }
    sum->threads = threads;
    sum->thread_count = count;
    return TMPALLOC_OK;
}

int site_sums_add(struct arena *storage, uint32_t max_threshold, const struct profile_site *part,
                  struct profile_site *sum) {
    if (!sum->by_distance) {
        sum->counters = part->counters;
        sum->by_distance = part->by_distance;
        sum->threads = part->threads;
        sum->thread_count = part->thread_count;
        sum->chains = part->chains;
        return TMPALLOC_OK;
    }
    site_counters_add(&sum->counters, &part->counters);
    int status =
        site_sums_add_distances(storage, max_threshold, part->by_distance, &sum->by_distance);
    if (status == TMPALLOC_OK)
        status = site_sums_add_chains(storage, part->chains, &sum->chains);
    return status == TMPALLOC_OK ? add_threads(storage, part, sum) : status;
}

int site_sums_add_scope(struct arena *storage, const struct site_scope *part,
                        uint32_t shared_frames, struct site_scope **sum) {
    struct site_scope *scope = *sum;
    while (scope && (scope->distance != part->distance || scope->shared_frames != shared_frames)) {
        sum = &scope->next;
        scope = *sum;
    }
    if (!scope) {
        scope = arena_allocate(storage, 1, sizeof *scope);
        if (!scope)
            return TMPALLOC_E_NOMEM;
        *scope = (struct site_scope){.distance = part->distance,
                                     .shared_frames = shared_frames,
                                     .free_stack = SITE_NO_STACK};
        *sum = scope;
    }
    scope->count += part->count;
    scope->bytes += part->bytes;
    return TMPALLOC_OK;
}

int site_sums_add_free(struct arena *storage, const struct profile_stack *stack,
                       const struct free_counts *counts, size_t place, struct profile_site *sum) {
    if (place < sum->free_stack_count)
        return free_counts_add(storage, counts, &sum->free_counts[place]);
    if (place < SITE_FREE_STACKS) {
        sum->free_stacks[place] = *stack;
        sum->free_counts[place] = counts;
        sum->free_stack_count++;
    }
    return TMPALLOC_OK;
}
