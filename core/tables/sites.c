#include "tables/sites.h"

#include "support/arena.h"
#include "support/error.h"
#include "support/map.h"
#include "support/memory.h"

struct site_table {
    uint32_t max_threshold;
    struct map by_stack; /* stack number -> struct site * */
    struct site *first;
    struct site *last;
    struct arena storage;
};

int site_table_create(uint32_t max_threshold, struct site_table **ret) {
    struct site_table *table = memory_allocate_zeroed(1, sizeof *table);
    if (!table)
        return TMPALLOC_E_NOMEM;
    table->max_threshold = max_threshold;
    map_init(&table->by_stack);
    *ret = table;
    return TMPALLOC_OK;
}

static void sites_release(struct site *site) {
    memory_release(site->threads);
    memory_release(site->chains);
}

void site_table_destroy(struct site_table *table) {
    if (!table)
        return;
    for (struct site *site = table->first; site; site = site->next)
        sites_release(site);
    map_deinit(&table->by_stack);
    arena_deinit(&table->storage);
    memory_release(table);
}

static void forget_frees(struct site *site) {
    site->last_free = (struct site_free_call){0};
}

static void forget_free_stacks(struct site *site) {
    for (size_t i = 0; i < SITE_FREE_STACKS; i++)
        site->free_stacks[i] = SITE_NO_STACK;
}

static struct site *sites_add(struct site_table *table, uint32_t stack) {
    size_t distances = (size_t)table->max_threshold + 1;
    struct site *site =
        arena_allocate(&table->storage, 1, sizeof *site + distances * sizeof site->by_distance[0]);
    if (!site || map_put(&table->by_stack, stack, (uintptr_t)site))
        return NULL;
    site->stack = stack;
    forget_free_stacks(site);
    if (table->last)
        table->last->next = site;
    else
        table->first = site;
    table->last = site;
    return site;
}

/* Moves the id to the end of the list, where the next look finds it first. */
static bool find_thread(struct site *site, int64_t tid) {
    for (size_t i = site->thread_count; i-- > 0;) {
        if (site->threads[i] == tid) {
            site->threads[i] = site->threads[site->thread_count - 1];
            site->threads[site->thread_count - 1] = tid;
            return true;
        }
    }
    return false;
}

static bool sites_add_thread(struct site *site, int64_t tid) {
    if (find_thread(site, tid))
        return true;
    if (MEMORY_RESERVE(site->threads, &site->thread_capacity, site->thread_count + 1))
        return false;
    site->threads[site->thread_count++] = tid;
    return true;
}

struct site *site_table_get(struct site_table *table, uint32_t stack, int64_t tid) {
    uint64_t found;
    bool known = map_get(&table->by_stack, stack, &found);
    struct site *site = known ? (struct site *)(uintptr_t)found : sites_add(table, stack);
    return site && sites_add_thread(site, tid) ? site : NULL;
}

struct site *site_table_first(const struct site_table *table) {
    return table->first;
}

void site_table_new_thread(struct site_table *table) {
    for (struct site *site = table->first; site; site = site->next) {
        site->has_previous = false;
        forget_frees(site);
    }
}

void site_table_reset(struct site_table *table) {
    for (struct site *site = table->first; site; site = site->next) {
        site->counters = (struct site_counters){0};
        if (site->chains)
            *site->chains = (struct chain_counters){0};
        site->thread_count = 0;
        forget_frees(site);
        forget_free_stacks(site);
        for (struct site_scope *scope = site->scopes; scope; scope = scope->next)
            scope->count = scope->bytes = 0;
        for (uint32_t d = 0; d <= table->max_threshold; d++)
            site->by_distance[d] = (struct site_distance){0};
    }
}

void site_count_allocation(struct site *site, uint64_t size_bytes) {
    struct site_counters *counters = &site->counters;
    if (!counters->allocations || size_bytes < counters->min_size)
        counters->min_size = size_bytes;
    if (size_bytes > counters->max_size)
        counters->max_size = size_bytes;
    counters->allocations++;
    counters->allocated_bytes += size_bytes;
    if (site->has_previous) {
        counters->larger += size_bytes > site->previous_size;
        counters->equal += size_bytes == site->previous_size;
    }
    site->has_previous = true;
    site->previous_size = size_bytes;
}

void site_count_temporary(struct site *site, uint64_t size_bytes, uint64_t distance,
                          bool by_realloc) {
    site->by_distance[distance].count++;
    site->by_distance[distance].bytes += size_bytes;
    site->counters.by_realloc += by_realloc;
}

int site_count_scope(struct site_table *table, struct site *site, uint32_t distance,
                     uint32_t shared_frames, uint32_t free_stack, uint64_t size_bytes) {
    struct site_scope *scope = site->scopes;
    while (scope && (scope->distance != distance || scope->shared_frames != shared_frames ||
                     scope->free_stack != free_stack))
        scope = scope->next;
    if (!scope) {
        scope = arena_allocate(&table->storage, 1, sizeof *scope);
        if (!scope)
            return TMPALLOC_E_NOMEM;
        *scope = (struct site_scope){.next = site->scopes,
                                     .distance = distance,
                                     .shared_frames = shared_frames,
                                     .free_stack = free_stack};
        site->scopes = scope;
    }
    scope->count++;
    scope->bytes += size_bytes;
    return TMPALLOC_OK;
}

void site_merge_free_stack(uint32_t *free_stacks, uint32_t stack) {
    for (size_t i = 0; i < SITE_FREE_STACKS; i++) {
        if (free_stacks[i] == stack)
            return;
        if (free_stacks[i] == SITE_NO_STACK) {
            free_stacks[i] = stack;
            return;
        }
    }
}

void site_counters_add(struct site_counters *sum, const struct site_counters *part) {
    sum->allocations += part->allocations;
    sum->allocated_bytes += part->allocated_bytes;
    if (part->min_size < sum->min_size)
        sum->min_size = part->min_size;
    if (part->max_size > sum->max_size)
        sum->max_size = part->max_size;
    sum->larger += part->larger;
    sum->equal += part->equal;
    sum->by_realloc += part->by_realloc;
}

void site_distances_add(struct site_distance *sum, const struct site_distance *part, size_t count) {
    for (size_t i = 0; i < count; i++) {
        sum[i].count += part[i].count;
        sum[i].bytes += part[i].bytes;
    }
}

void site_add_free_stack(struct site *site, uint32_t stack) {
    site_merge_free_stack(site->free_stacks, stack);
}
