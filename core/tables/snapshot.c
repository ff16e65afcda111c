#include "tables/snapshot.h"

#include <stdlib.h>
#include <string.h>

#include "support/error.h"
#include "support/memory.h"

struct site_tid {
    const struct snapshot_site *site;
    int64_t tid;
};

void snapshot_deinit(struct snapshot *snapshot) {
    arena_deinit(&snapshot->storage);
    *snapshot = (struct snapshot){0};
}

static size_t distance_count(const struct snapshot *snapshot) {
    return (size_t)snapshot->max_threshold + 1;
}

/* Building. */

void snapshot_builder_init(struct snapshot_builder *builder, uint32_t max_threshold,
                           const struct snapshot_totals *totals) {
    *builder = (struct snapshot_builder){
        .snapshot = {.max_threshold = max_threshold, .totals = *totals},
    };
    map_init(&builder->by_stack);
}

void snapshot_builder_deinit(struct snapshot_builder *builder) {
    snapshot_deinit(&builder->snapshot);
    map_deinit(&builder->by_stack);
    memory_release(builder->sites);
    memory_release(builder->tids);
    memory_release(builder->blocks);
}

static struct snapshot_site *snapshot_add_site(struct snapshot_builder *builder, uint32_t stack) {
    struct snapshot *snapshot = &builder->snapshot;
    if (MEMORY_RESERVE(builder->sites, &builder->site_capacity, snapshot->site_count + 1))
        return NULL;
    struct snapshot_site *site = arena_allocate(&snapshot->storage, 1, sizeof *site);
    if (!site || map_put(&builder->by_stack, stack, (uintptr_t)site))
        return NULL;
    site->by_distance =
        arena_allocate(&snapshot->storage, distance_count(snapshot), sizeof *site->by_distance);
    if (!site->by_distance)
        return NULL;
    site->stack = stack;
    site->counters.min_size = UINT64_MAX;
    for (size_t i = 0; i < SITE_FREE_STACKS; i++)
        site->free_stacks[i] = SITE_NO_STACK;
    builder->sites[snapshot->site_count++] = site;
    site->id = (uint32_t)snapshot->site_count;
    return site;
}

static struct snapshot_site *snapshot_find_site(struct snapshot_builder *builder, uint32_t stack) {
    uint64_t known;
    if (map_get(&builder->by_stack, stack, &known))
        return (struct snapshot_site *)(uintptr_t)known;
    return snapshot_add_site(builder, stack);
}

static void snapshot_add_free_stacks(struct snapshot_site *site, const struct snapshot_site *part) {
    for (size_t i = 0; i < SITE_FREE_STACKS; i++) {
        if (part->free_stacks[i] != SITE_NO_STACK)
            site_merge_free_stack(site->free_stacks, part->free_stacks[i]);
    }
}

static struct site_scope *find_scope(struct site_scope *scope, const struct site_scope *like) {
    while (scope &&
           (scope->distance != like->distance || scope->shared_frames != like->shared_frames ||
            scope->free_stack != like->free_stack))
        scope = scope->next;
    return scope;
}

static int snapshot_add_scopes(struct arena *storage, struct snapshot_site *site,
                               const struct snapshot_site *part) {
    for (const struct site_scope *scope = part->scopes; scope; scope = scope->next) {
        if (!scope->count)
            continue;
        struct site_scope *known = find_scope(site->scopes, scope);
        if (!known) {
            known = arena_allocate(storage, 1, sizeof *known);
            if (!known)
                return TMPALLOC_E_NOMEM;
            *known = *scope;
            known->count = known->bytes = 0;
            known->next = site->scopes;
            site->scopes = known;
        }
        known->count += scope->count;
        known->bytes += scope->bytes;
    }
    return TMPALLOC_OK;
}

static int snapshot_add_chains(struct arena *storage, struct snapshot_site *site,
                               const struct snapshot_site *part) {
    if (!part->chains || part->chains->steps == 0)
        return TMPALLOC_OK;
    if (!site->chains)
        site->chains = arena_allocate(storage, 1, sizeof *site->chains);
    if (!site->chains)
        return TMPALLOC_E_NOMEM;
    chain_counters_add(site->chains, part->chains);
    return TMPALLOC_OK;
}

int snapshot_builder_add(struct snapshot_builder *builder, const struct snapshot_site *part,
                         struct snapshot_site **ret) {
    struct snapshot_site *site = snapshot_find_site(builder, part->stack);
    if (!site)
        return TMPALLOC_E_NOMEM;
    site_counters_add(&site->counters, &part->counters);
    site_distances_add(site->by_distance, part->by_distance, distance_count(&builder->snapshot));
    snapshot_add_free_stacks(site, part);
    *ret = site;
    int status = snapshot_add_chains(&builder->snapshot.storage, site, part);
    return status == TMPALLOC_OK ? snapshot_add_scopes(&builder->snapshot.storage, site, part)
                                 : status;
}

int snapshot_builder_add_thread(struct snapshot_builder *builder, struct snapshot_site *site,
                                int64_t tid) {
    if (MEMORY_RESERVE(builder->tids, &builder->tid_capacity, builder->tid_count + 1))
        return TMPALLOC_E_NOMEM;
    builder->tids[builder->tid_count++] = (struct site_tid){.site = site, .tid = tid};
    return TMPALLOC_OK;
}

int snapshot_builder_add_block(struct snapshot_builder *builder,
                               const struct snapshot_block *block) {
    size_t count = builder->snapshot.block_count;
    if (MEMORY_RESERVE(builder->blocks, &builder->block_capacity, count + 1))
        return TMPALLOC_E_NOMEM;
    builder->blocks[count] = *block;
    builder->snapshot.block_count++;
    return TMPALLOC_OK;
}

static int compare_tids(const void *a, const void *b) {
    const struct site_tid *x = a, *y = b;
    if (x->site->stack != y->site->stack)
        return x->site->stack < y->site->stack ? -1 : 1;
    return (x->tid > y->tid) - (x->tid < y->tid);
}

/* The sites are in their final places and order, and so are the ids of their threads. */
static int list_tids(struct snapshot_builder *builder, struct snapshot *snapshot) {
    size_t count = builder->tid_count;
    int64_t *tids = arena_allocate(&snapshot->storage, count, sizeof *tids);
    if (!tids)
        return TMPALLOC_E_NOMEM;
    if (count > 0)
        qsort(builder->tids, count, sizeof *builder->tids, compare_tids);
    struct snapshot_site *site = snapshot->sites;
    for (size_t i = 0; i < count; i++) {
        while (site->stack != builder->tids[i].site->stack)
            site++;
        if (site->thread_count == 0)
            site->threads = tids;
        else if (tids[-1] == builder->tids[i].tid)
            continue;
        *tids++ = builder->tids[i].tid;
        site->thread_count++;
    }
    return TMPALLOC_OK;
}

static int snapshot_compare_sites(const void *a, const void *b) {
    const struct snapshot_site *x = *(struct snapshot_site *const *)a;
    const struct snapshot_site *y = *(struct snapshot_site *const *)b;
    return (x->stack > y->stack) - (x->stack < y->stack);
}

static int snapshot_list_sites(struct snapshot_builder *builder, struct snapshot *snapshot) {
    size_t count = snapshot->site_count;
    snapshot->sites = arena_allocate(&snapshot->storage, count, sizeof *snapshot->sites);
    if (!snapshot->sites)
        return TMPALLOC_E_NOMEM;
    if (count > 0)
        qsort(builder->sites, count, sizeof(struct snapshot_site *), snapshot_compare_sites);
    for (size_t i = 0; i < count; i++)
        snapshot->sites[i] = *builder->sites[i];
    return TMPALLOC_OK;
}

static int list_blocks(struct snapshot_builder *builder, struct snapshot *snapshot) {
    size_t count = snapshot->block_count;
    snapshot->blocks = arena_allocate(&snapshot->storage, count, sizeof *snapshot->blocks);
    if (!snapshot->blocks)
        return TMPALLOC_E_NOMEM;
    if (count > 0)
        memcpy(snapshot->blocks, builder->blocks, count * sizeof *snapshot->blocks);
    return TMPALLOC_OK;
}

int snapshot_builder_finish(struct snapshot_builder *builder, struct snapshot *ret) {
    if (snapshot_list_sites(builder, &builder->snapshot) ||
        list_tids(builder, &builder->snapshot) || list_blocks(builder, &builder->snapshot))
        return TMPALLOC_E_NOMEM;
    *ret = builder->snapshot;
    builder->snapshot = (struct snapshot){0};
    return TMPALLOC_OK;
}

struct site_distance snapshot_temporaries(const struct snapshot *snapshot, uint32_t threshold) {
    struct site_distance sum = {0, 0};
    for (size_t i = 0; i < snapshot->site_count; i++) {
        for (uint32_t d = 0; d <= threshold && d <= snapshot->max_threshold; d++) {
            sum.count += snapshot->sites[i].by_distance[d].count;
            sum.bytes += snapshot->sites[i].by_distance[d].bytes;
        }
    }
    return sum;
}

int snapshot_copy(const struct snapshot *snapshot, struct snapshot *ret) {
    struct snapshot_builder builder;
    struct snapshot_site *copy;
    int status = TMPALLOC_OK;
    snapshot_builder_init(&builder, snapshot->max_threshold, &snapshot->totals);
    for (size_t i = 0; i < snapshot->site_count && status == TMPALLOC_OK; i++) {
        const struct snapshot_site *site = &snapshot->sites[i];
        status = snapshot_builder_add(&builder, site, &copy);
        if (status == TMPALLOC_OK)
            copy->id = site->id;
        for (size_t k = 0; k < site->thread_count && status == TMPALLOC_OK; k++)
            status = snapshot_builder_add_thread(&builder, copy, site->threads[k]);
    }
    for (size_t i = 0; i < snapshot->block_count && status == TMPALLOC_OK; i++)
        status = snapshot_builder_add_block(&builder, &snapshot->blocks[i]);
    if (status == TMPALLOC_OK)
        status = snapshot_builder_finish(&builder, ret);
    snapshot_builder_deinit(&builder);
    return status;
}

/* Subtracting. */

static void subtract_totals(struct snapshot_totals *later, const struct snapshot_totals *earlier) {
    later->allocations -= earlier->allocations;
    later->allocated_bytes -= earlier->allocated_bytes;
    later->deallocations -= earlier->deallocations;
    later->cross_thread_frees -= earlier->cross_thread_frees;
    later->dropped -= earlier->dropped;
    later->entries -= earlier->entries;
    later->children -= earlier->children;
}

static void subtract_counters(struct site_counters *later, const struct site_counters *earlier) {
    later->allocations -= earlier->allocations;
    later->allocated_bytes -= earlier->allocated_bytes;
    later->larger -= earlier->larger;
    later->equal -= earlier->equal;
    later->by_realloc -= earlier->by_realloc;
}

static void subtract_site(struct snapshot_site *later, const struct snapshot_site *earlier,
                          size_t distances) {
    subtract_counters(&later->counters, &earlier->counters);
    if (earlier->chains)
        chain_counters_subtract(later->chains, earlier->chains);
    if (later->chains && later->chains->steps == 0)
        later->chains = NULL;
    for (size_t d = 0; d < distances; d++) {
        later->by_distance[d].count -= earlier->by_distance[d].count;
        later->by_distance[d].bytes -= earlier->by_distance[d].bytes;
    }
    for (struct site_scope *scope = later->scopes; scope; scope = scope->next) {
        const struct site_scope *before = find_scope(earlier->scopes, scope);
        if (!before)
            continue;
        scope->count -= before->count;
        scope->bytes -= before->bytes;
    }
}

static bool is_empty(const struct snapshot_site *site, size_t distances) {
    uint64_t events = site->counters.allocations + (site->chains ? site->chains->steps : 0);
    for (size_t d = 0; d < distances; d++)
        events += site->by_distance[d].count;
    return events == 0;
}

/* Both lists are sorted by stack number. */
void snapshot_subtract(struct snapshot *later, const struct snapshot *earlier) {
    subtract_totals(&later->totals, &earlier->totals);
    size_t kept = 0, j = 0, distances = distance_count(later);
    for (size_t i = 0; i < later->site_count; i++) {
        struct snapshot_site *site = &later->sites[i];
        while (j < earlier->site_count && earlier->sites[j].stack < site->stack)
            j++;
        if (j < earlier->site_count && earlier->sites[j].stack == site->stack)
            subtract_site(site, &earlier->sites[j], distances);
        if (!is_empty(site, distances))
            later->sites[kept++] = *site;
    }
    later->site_count = kept;
}
