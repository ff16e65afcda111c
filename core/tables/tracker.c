#include "tables/tracker.h"

#include <string.h>

#include "support/error.h"
#include "support/map.h"
#include "support/memory.h"

/* One at a time for each thread; the counters of exited threads stay in the site table. */
struct tracker_thread {
    struct tracker_thread *next; /* all threads, alive or not */
    struct tracker_thread *next_unused;
    uint64_t key;
    int64_t tid;
    bool alive;
    struct window *window; /* NULL unless alive */
    struct site_table *sites;
    struct chains *chains;
};

struct tracker {
    uint32_t max_threshold;
    struct detector *detector;
    struct stacks *stacks;
    struct snapshot_totals totals;
    struct map by_key;              /* -> struct tracker_thread * */
    struct tracker_thread *threads; /* in the order of creation */
    struct tracker_thread **end_of_threads;
    struct tracker_thread *unused_threads;
};

static const char one_at_a_time = 1;

int tracker_create(uint32_t max_threshold, struct tracker **ret) {
    struct tracker *tracker = memory_allocate_zeroed(1, sizeof *tracker);
    if (!tracker)
        return TMPALLOC_E_NOMEM;
    tracker->max_threshold = max_threshold;
    tracker->end_of_threads = &tracker->threads;
    map_init(&tracker->by_key);
    if (detector_create(max_threshold, &one_at_a_time, &tracker->detector) ||
        stacks_create(&tracker->stacks)) {
        tracker_destroy(tracker);
        return TMPALLOC_E_NOMEM;
    }
    *ret = tracker;
    return TMPALLOC_OK;
}

static void release_thread(struct tracker_thread *thread) {
    site_table_destroy(thread->sites);
    chains_destroy(thread->chains);
    memory_release(thread);
}

void tracker_destroy(struct tracker *tracker) {
    if (!tracker)
        return;
    while (tracker->threads) {
        struct tracker_thread *next = tracker->threads->next;
        release_thread(tracker->threads);
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

struct snapshot_totals *tracker_totals(struct tracker *tracker) {
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
    if (site_table_create(tracker->max_threshold, &thread->sites) ||
        chains_create(tracker->detector, &thread->chains)) {
        release_thread(thread);
        return NULL;
    }
    *tracker->end_of_threads = thread;
    tracker->end_of_threads = &thread->next;
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

static struct tracker_thread *tracker_add_thread(struct tracker *tracker, uint64_t key,
                                                 int64_t tid) {
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
    return tracker_add_thread(tracker, key, tid);
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
    if (site)
        site->latest = detector_latest(thread->window);
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

/* By the latest block of its site, or not. */
static int tracker_replace(struct tracker *tracker, const struct tracker_release *release) {
    const struct tracker_thread *thread = release->thread;
    struct site *site = release->block.site;
    const struct chain_block older = {release->block.number, release->block.size_bytes};
    const struct chain_block newer = {site->latest, site->previous_size};
    return chains_is_replaced(thread->chains, tracker->detector, thread->window, older, newer)
               ? chains_step(thread->chains, older, newer, &site->chains)
               : TMPALLOC_OK;
}

int tracker_reallocated(const struct tracker_release *release, uint64_t size_bytes,
                        struct site *site) {
    if (release->address == 0 || release->verdict != DETECTOR_TEMPORARY || !site)
        return TMPALLOC_OK;
    const struct tracker_thread *thread = release->thread;
    const struct chain_block older = {release->block.number, release->block.size_bytes};
    const struct chain_block newer = {site->latest, size_bytes};
    if (newer.size_bytes > older.size_bytes)
        return chains_step(thread->chains, older, newer, &site->chains);
    chains_hand_on(thread->chains, older.number, newer.number);
    return TMPALLOC_OK;
}

int tracker_count_free(struct tracker *tracker, const struct tracker_release *release,
                       bool by_realloc) {
    if (release->address == 0)
        return TMPALLOC_OK;
    tracker->totals.deallocations++;
    const struct detector_block *block = &release->block;
    if (release->verdict == DETECTOR_CROSS_THREAD)
        tracker->totals.cross_thread_frees++;
    if (release->verdict != DETECTOR_TEMPORARY || !block->site)
        return TMPALLOC_OK;
    site_count_temporary(block->site, block->size_bytes, block->distance, by_realloc);
    return by_realloc ? TMPALLOC_OK : tracker_replace(tracker, release);
}

int tracker_freed(struct tracker *tracker, struct tracker_thread *thread, uint64_t address,
                  bool by_realloc, struct tracker_release *ret) {
    struct tracker_release release;
    tracker_take(tracker, thread, address, &release);
    int status = tracker_count_free(tracker, &release, by_realloc);
    if (ret)
        *ret = release;
    return status;
}

bool tracker_find(struct tracker *tracker, uint64_t address, struct detector_block *ret) {
    return detector_find(tracker->detector, address, ret);
}

bool tracker_is_valid(struct tracker *tracker) {
    return detector_is_valid(tracker->detector);
}

void tracker_later(const struct tracker *tracker, const struct tracker_release *release,
                   uint64_t number, struct detector_block *ret) {
    detector_later(tracker->detector, release->thread->window, &release->block, number, ret);
}

int tracker_count_scope(const struct tracker_release *release, uint32_t shared_frames,
                        uint32_t free_stack) {
    const struct detector_block *block = &release->block;
    return site_count_scope(release->thread->sites, block->site, (uint32_t)block->distance,
                            shared_frames, free_stack, block->size_bytes);
}

void tracker_flush(struct tracker *tracker) {
    detector_flush(tracker->detector);
}

void tracker_flush_thread(struct tracker *tracker, struct tracker_thread *thread) {
    detector_flush_window(tracker->detector, thread->window);
}

void tracker_reset(struct tracker *tracker) {
    tracker_flush(tracker);
    tracker->totals = (struct snapshot_totals){0};
    for (struct tracker_thread *thread = tracker->threads; thread; thread = thread->next)
        site_table_reset(thread->sites);
}

/* Snapshots. */

static int add_site_threads(struct snapshot_builder *builder, struct snapshot_site *sum,
                            const struct site *site) {
    int status = TMPALLOC_OK;
    for (size_t i = 0; i < site->thread_count && status == TMPALLOC_OK; i++)
        status = snapshot_builder_add_thread(builder, sum, site->threads[i]);
    return status;
}

static int tracker_add_site(struct snapshot_builder *builder, const struct site *site) {
    struct snapshot_site *sum;
    struct snapshot_site part = {
        .stack = site->stack,
        .counters = site->counters,
        .chains = site->chains,
        .scopes = site->scopes,
        .by_distance = (struct site_distance *)site->by_distance,
    };
    memcpy(part.free_stacks, site->free_stacks, sizeof part.free_stacks);
    int status = snapshot_builder_add(builder, &part, &sum);
    return status == TMPALLOC_OK ? add_site_threads(builder, sum, site) : status;
}

static int add_thread_sites(struct snapshot_builder *builder, const struct tracker_thread *thread) {
    int status = TMPALLOC_OK;
    struct site *site = site_table_first(thread->sites);
    for (; site && status == TMPALLOC_OK; site = site->next) {
        if (site->counters.allocations)
            status = tracker_add_site(builder, site);
    }
    return status;
}

struct block_list {
    struct snapshot_builder *builder;
    int64_t tid;
    int status;
};

static bool add_block(void *arg, const struct detector_block *block) {
    struct block_list *list = arg;
    const struct site *site = block->site;
    if (!site)
        return true;
    list->status = snapshot_builder_add_block(
        list->builder, &(struct snapshot_block){block->address, block->size_bytes, block->distance,
                                                list->tid, site->stack});
    return list->status == TMPALLOC_OK;
}

static int add_thread_blocks(struct snapshot_builder *builder, const struct tracker *tracker,
                             const struct tracker_thread *thread) {
    struct block_list list = {.builder = builder, .tid = thread->tid, .status = TMPALLOC_OK};
    if (thread->alive)
        detector_for_each(tracker->detector, thread->window, add_block, &list);
    return list.status;
}

int tracker_snapshot(struct tracker *tracker, struct snapshot *ret) {
    struct snapshot_builder builder;
    int status = TMPALLOC_OK;
    snapshot_builder_init(&builder, tracker->max_threshold, &tracker->totals);
    struct tracker_thread *thread = tracker->threads;
    for (; thread && status == TMPALLOC_OK; thread = thread->next)
        status = add_thread_sites(&builder, thread);
    thread = tracker->threads;
    for (; thread && status == TMPALLOC_OK; thread = thread->next)
        status = add_thread_blocks(&builder, tracker, thread);
    if (status == TMPALLOC_OK)
        status = snapshot_builder_finish(&builder, ret);
    snapshot_builder_deinit(&builder);
    return status;
}
