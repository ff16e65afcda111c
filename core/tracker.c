#include "tracker.h"

#include <stdlib.h>

#include "error.h"
#include "map.h"
#include "memory.h"

/* One at a time for each thread; the counters of exited threads stay in the site table. */
struct tracker_thread {
    struct tracker_thread *next; /* all threads, alive or not */
    struct tracker_thread *next_unused;
    uint64_t key;
    int64_t tid;
    bool alive;
    struct window *window; /* NULL unless alive */
    struct site_table *sites;
};

struct tracker {
    uint32_t max_threshold;
    struct detector *detector;
    struct stacks *stacks;
    struct tracker_totals totals;
    struct map by_key; /* -> struct tracker_thread * */
    struct tracker_thread *threads;
    struct tracker_thread *unused_threads;
};

static const char one_at_a_time = 1;

int tracker_create(uint32_t max_threshold, struct tracker **ret) {
    struct tracker *tracker = memory_allocate_zeroed(1, sizeof *tracker);
    if (!tracker)
        return TMPALLOC_E_NOMEM;
    tracker->max_threshold = max_threshold;
    map_init(&tracker->by_key);
    if (detector_create(max_threshold, &one_at_a_time, &tracker->detector) ||
        stacks_create(&tracker->stacks)) {
        tracker_destroy(tracker);
        return TMPALLOC_E_NOMEM;
    }
    *ret = tracker;
    return TMPALLOC_OK;
}

void tracker_destroy(struct tracker *tracker) {
    if (!tracker)
        return;
    while (tracker->threads) {
        struct tracker_thread *next = tracker->threads->next;
        site_table_destroy(tracker->threads->sites);
        memory_release(tracker->threads);
        tracker->threads = next;
    }
    map_deinit(&tracker->by_key);
    stacks_destroy(tracker->stacks);
    detector_destroy(tracker->detector);
    memory_release(tracker);
}

struct stacks *tracker_stacks(struct tracker *tracker) {
    return tracker->stacks;
}

struct tracker_totals *tracker_totals(struct tracker *tracker) {
    return &tracker->totals;
}

uint32_t tracker_max_threshold(const struct tracker *tracker) {
    return tracker->max_threshold;
}

/* Threads. */

static struct tracker_thread *new_thread(struct tracker *tracker) {
    struct tracker_thread *thread = memory_allocate_zeroed(1, sizeof *thread);
    if (!thread)
        return NULL;
    if (site_table_create(tracker->max_threshold, &thread->sites)) {
        memory_release(thread);
        return NULL;
    }
    thread->next = tracker->threads;
    tracker->threads = thread;
    return thread;
}

static void put_unused(struct tracker *tracker, struct tracker_thread *thread) {
    thread->next_unused = tracker->unused_threads;
    tracker->unused_threads = thread;
}

static struct tracker_thread *take_unused(struct tracker *tracker) {
    struct tracker_thread *thread = tracker->unused_threads;
    if (!thread)
        return new_thread(tracker);
    tracker->unused_threads = thread->next_unused;
    return thread;
}

static struct tracker_thread *add_thread(struct tracker *tracker, uint64_t key, int64_t tid) {
    struct tracker_thread *thread = take_unused(tracker);
    if (!thread)
        return NULL;
    if (map_put(&tracker->by_key, key, (uintptr_t)thread)) {
        put_unused(tracker, thread);
        return NULL;
    }
    if (detector_add_window(tracker->detector, thread, &thread->window)) {
        map_remove(&tracker->by_key, key);
        put_unused(tracker, thread);
        return NULL;
    }
    thread->key = key;
    thread->tid = tid;
    thread->alive = true;
    return thread;
}

struct tracker_thread *tracker_get_thread(struct tracker *tracker, uint64_t key, int64_t tid) {
    uint64_t known;
    if (map_get(&tracker->by_key, key, &known))
        return (struct tracker_thread *)(uintptr_t)known;
    return add_thread(tracker, key, tid);
}

uint64_t tracker_thread_key(const struct tracker_thread *thread) {
    return thread->key;
}

int64_t tracker_thread_tid(const struct tracker_thread *thread) {
    return thread->tid;
}

void tracker_thread_exited(struct tracker *tracker, struct tracker_thread *thread) {
    detector_remove_window(tracker->detector, thread->window);
    site_table_new_thread(thread->sites);
    map_remove(&tracker->by_key, thread->key);
    thread->window = NULL;
    thread->alive = false;
    put_unused(tracker, thread);
}

size_t tracker_thread_count(const struct tracker *tracker) {
    return tracker->by_key.count;
}

void tracker_for_each_thread(struct tracker *tracker,
                             bool (*visit)(void *arg, struct tracker_thread *thread), void *arg) {
    for (struct tracker_thread *thread = tracker->threads; thread; thread = thread->next) {
        if (thread->alive && !visit(arg, thread))
            return;
    }
}

/* Events. */

int tracker_allocated(struct tracker *tracker, struct tracker_thread *thread, uint64_t address,
                      uint64_t size_bytes, uint32_t stack, struct site **ret) {
    tracker->totals.allocations++;
    tracker->totals.allocated_bytes += size_bytes;
    struct site *site = site_table_get(thread->sites, stack, thread->tid);
    if (site)
        site_count_allocation(site, size_bytes);
    if (ret)
        *ret = site;
    /* Without a site too: the thread's other blocks are one allocation older now. */
    int status = detector_allocated(tracker->detector, thread->window, address, size_bytes, site);
    return site ? status : TMPALLOC_E_NOMEM;
}

void tracker_take(struct tracker *tracker, struct tracker_thread *thread, uint64_t address,
                  struct tracker_release *ret) {
    *ret = (struct tracker_release){.address = address, .thread = thread};
    if (address != 0)
        ret->verdict = detector_freed(tracker->detector, thread->window, address, &ret->block);
}

void tracker_put_back(struct tracker *tracker, const struct tracker_release *release) {
    if (release->address != 0 && release->verdict != DETECTOR_PLAIN)
        detector_put_back(tracker->detector, &release->block);
}

void tracker_count_free(struct tracker *tracker, const struct tracker_release *release,
                        bool by_realloc) {
    if (release->address == 0)
        return;
    tracker->totals.deallocations++;
    const struct detector_block *block = &release->block;
    if (release->verdict == DETECTOR_CROSS_THREAD)
        tracker->totals.cross_thread_frees++;
    else if (release->verdict == DETECTOR_TEMPORARY && block->site)
        site_count_temporary(block->site, block->size_bytes, block->distance, by_realloc);
}

void tracker_freed(struct tracker *tracker, struct tracker_thread *thread, uint64_t address,
                   bool by_realloc, struct tracker_release *ret) {
    struct tracker_release release;
    tracker_take(tracker, thread, address, &release);
    tracker_count_free(tracker, &release, by_realloc);
    if (ret)
        *ret = release;
}

bool tracker_find(struct tracker *tracker, uint64_t address, struct detector_block *ret) {
    return detector_find(tracker->detector, address, ret);
}

int tracker_count_scope(const struct tracker_release *release, uint32_t shared_frames) {
    const struct detector_block *block = &release->block;
    return site_count_scope(release->thread->sites, block->site, (uint32_t)block->distance,
                            shared_frames, block->size_bytes);
}

void tracker_flush(struct tracker *tracker) {
    detector_flush(tracker->detector);
}

void tracker_flush_thread(struct tracker *tracker, struct tracker_thread *thread) {
    detector_flush_window(tracker->detector, thread->window);
}

void tracker_reset(struct tracker *tracker) {
    tracker_flush(tracker);
    tracker->totals = (struct tracker_totals){0};
    for (struct tracker_thread *thread = tracker->threads; thread; thread = thread->next)
        site_table_reset(thread->sites);
}

/* Snapshots. */

/* The site of this stack, added when new.  `by_stack` has a place for each stack. */
static struct tracker_site *merged_site(struct tracker_snapshot *snapshot,
                                        struct tracker_site **by_stack, const struct site *site) {
    if (by_stack[site->stack])
        return by_stack[site->stack];
    struct tracker_site *merged = arena_allocate(&snapshot->storage, 1, sizeof *merged);
    size_t distances = (size_t)snapshot->max_threshold + 1;
    if (merged)
        merged->by_distance =
            arena_allocate(&snapshot->storage, distances, sizeof *merged->by_distance);
    if (!merged || !merged->by_distance)
        return NULL;
    merged->stack = site->stack;
    merged->min_size = UINT64_MAX;
    for (size_t i = 0; i < SITE_FREE_STACKS; i++)
        merged->free_stacks[i] = SITE_NO_STACK;
    by_stack[site->stack] = merged;
    snapshot->site_count++;
    return merged;
}

static void merge_counters(struct tracker_site *merged, const struct site *site,
                           uint32_t max_threshold) {
    merged->allocations += site->allocations;
    merged->allocated_bytes += site->allocated_bytes;
    if (site->min_size < merged->min_size)
        merged->min_size = site->min_size;
    if (site->max_size > merged->max_size)
        merged->max_size = site->max_size;
    merged->larger += site->larger;
    merged->equal += site->equal;
    merged->by_realloc += site->by_realloc;
    for (uint32_t d = 0; d <= max_threshold; d++) {
        merged->by_distance[d].count += site->by_distance[d].count;
        merged->by_distance[d].bytes += site->by_distance[d].bytes;
    }
}

static void merge_free_stacks(struct tracker_site *merged, const struct site *site) {
    for (size_t i = 0; i < SITE_FREE_STACKS; i++) {
        if (site->free_stacks[i] != SITE_NO_STACK)
            site_merge_free_stack(merged->free_stacks, site->free_stacks[i]);
    }
}

static struct site_scope *find_scope(struct site_scope *scope, const struct site_scope *like) {
    while (scope &&
           (scope->distance != like->distance || scope->shared_frames != like->shared_frames))
        scope = scope->next;
    return scope;
}

static int merge_scopes(struct arena *storage, struct tracker_site *merged,
                        const struct site *site) {
    for (const struct site_scope *scope = site->scopes; scope; scope = scope->next) {
        if (!scope->count)
            continue;
        struct site_scope *known = find_scope(merged->scopes, scope);
        if (!known) {
            known = arena_allocate(storage, 1, sizeof *known);
            if (!known)
                return TMPALLOC_E_NOMEM;
            *known = *scope;
            known->count = known->bytes = 0;
            known->next = merged->scopes;
            merged->scopes = known;
        }
        known->count += scope->count;
        known->bytes += scope->bytes;
    }
    return TMPALLOC_OK;
}

/* The first round, which adds the sites, has left the room that they need in thread_count. */
static int merge_threads(struct arena *storage, struct tracker_site *merged,
                         const struct site *site) {
    if (!merged->threads) {
        merged->threads = arena_allocate(storage, merged->thread_count, sizeof *merged->threads);
        merged->thread_count = 0;
        if (!merged->threads)
            return TMPALLOC_E_NOMEM;
    }
    for (size_t i = 0; i < site->thread_count; i++)
        merged->threads[merged->thread_count++] = site->threads[i];
    return TMPALLOC_OK;
}

static int compare_tids(const void *a, const void *b) {
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static void sort_threads(struct tracker_site *merged) {
    size_t unique = 0;
    qsort(merged->threads, merged->thread_count, sizeof *merged->threads, compare_tids);
    for (size_t i = 0; i < merged->thread_count; i++) {
        if (!unique || merged->threads[unique - 1] != merged->threads[i])
            merged->threads[unique++] = merged->threads[i];
    }
    merged->thread_count = unique;
}

static int add_sites(const struct tracker *tracker, struct tracker_snapshot *snapshot,
                     struct tracker_site **by_stack) {
    for (struct tracker_thread *thread = tracker->threads; thread; thread = thread->next) {
        for (struct site *site = site_table_first(thread->sites); site; site = site->next) {
            if (!site->allocations)
                continue;
            struct tracker_site *merged = merged_site(snapshot, by_stack, site);
            if (!merged)
                return TMPALLOC_E_NOMEM;
            merged->thread_count += site->thread_count;
        }
    }
    return TMPALLOC_OK;
}

static int merge_sites(const struct tracker *tracker, struct tracker_snapshot *snapshot,
                       struct tracker_site **by_stack) {
    for (struct tracker_thread *thread = tracker->threads; thread; thread = thread->next) {
        for (struct site *site = site_table_first(thread->sites); site; site = site->next) {
            if (!site->allocations)
                continue;
            struct tracker_site *merged = by_stack[site->stack];
            merge_counters(merged, site, snapshot->max_threshold);
            merge_free_stacks(merged, site);
            if (merge_scopes(&snapshot->storage, merged, site) ||
                merge_threads(&snapshot->storage, merged, site))
                return TMPALLOC_E_NOMEM;
        }
    }
    return TMPALLOC_OK;
}

static int list_sites(struct tracker_snapshot *snapshot, struct tracker_site **by_stack,
                      uint32_t stack_count) {
    snapshot->sites =
        arena_allocate(&snapshot->storage, snapshot->site_count, sizeof *snapshot->sites);
    if (!snapshot->sites)
        return TMPALLOC_E_NOMEM;
    size_t count = 0;
    for (uint32_t i = 0; i < stack_count; i++) {
        if (!by_stack[i])
            continue;
        sort_threads(by_stack[i]);
        snapshot->sites[count++] = *by_stack[i];
    }
    return TMPALLOC_OK;
}

int tracker_snapshot(struct tracker *tracker, struct tracker_snapshot *ret) {
    struct tracker_snapshot snapshot = {.max_threshold = tracker->max_threshold,
                                        .totals = tracker->totals};
    uint32_t stack_count = stacks_count(tracker->stacks);
    struct tracker_site **by_stack = memory_allocate_zeroed(stack_count, sizeof(void *));
    if (!by_stack)
        return TMPALLOC_E_NOMEM;
    int status = add_sites(tracker, &snapshot, by_stack);
    if (!status)
        status = merge_sites(tracker, &snapshot, by_stack);
    if (!status)
        status = list_sites(&snapshot, by_stack, stack_count);
    memory_release(by_stack);
    if (status)
        tracker_snapshot_deinit(&snapshot);
    else
        *ret = snapshot;
    return status;
}

static void subtract_totals(struct tracker_totals *later, const struct tracker_totals *earlier) {
    later->allocations -= earlier->allocations;
    later->allocated_bytes -= earlier->allocated_bytes;
    later->deallocations -= earlier->deallocations;
    later->cross_thread_frees -= earlier->cross_thread_frees;
    later->dropped -= earlier->dropped;
}

static void subtract_site(struct tracker_site *later, const struct tracker_site *earlier,
                          uint32_t max_threshold) {
    later->allocations -= earlier->allocations;
    later->allocated_bytes -= earlier->allocated_bytes;
    later->larger -= earlier->larger;
    later->equal -= earlier->equal;
    later->by_realloc -= earlier->by_realloc;
    for (uint32_t d = 0; d <= max_threshold; d++) {
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

static bool is_empty(const struct tracker_site *site, uint32_t max_threshold) {
    uint64_t events = site->allocations;
    for (uint32_t d = 0; d <= max_threshold; d++)
        events += site->by_distance[d].count;
    return events == 0;
}

/* Both lists are sorted by stack number. */
void tracker_snapshot_subtract(struct tracker_snapshot *later,
                               const struct tracker_snapshot *earlier) {
    subtract_totals(&later->totals, &earlier->totals);
    size_t kept = 0, j = 0;
    for (size_t i = 0; i < later->site_count; i++) {
        struct tracker_site *site = &later->sites[i];
        while (j < earlier->site_count && earlier->sites[j].stack < site->stack)
            j++;
        if (j < earlier->site_count && earlier->sites[j].stack == site->stack)
            subtract_site(site, &earlier->sites[j], later->max_threshold);
        if (!is_empty(site, later->max_threshold))
            later->sites[kept++] = *site;
    }
    later->site_count = kept;
}

void tracker_snapshot_deinit(struct tracker_snapshot *snapshot) {
    arena_deinit(&snapshot->storage);
    *snapshot = (struct tracker_snapshot){0};
}
