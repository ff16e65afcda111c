#include "agent/unwind/capture.h"

#include <stdatomic.h>
#include <string.h>

#include "agent/system/own_stack.h"
#include "agent/unwind/capture_memo.h"
#include "agent/unwind/cfi_modules.h"
#include "support/hash.h"
#include "support/memory.h"
#include "tmpalloc/status.h"

/* Slots of the predictor: more than the allocations that a program alternates between. */
#define PREDICTOR_BITS 11

/* After so many new stacks for which there was no memory a walk is in vain: from then on one of so
 * many is tried all the same. */
#define TRIED_WITHOUT_MEMORY 64

struct capture_cache {
    uint32_t generation;
    uint32_t refused; /* new stacks in a row for which there was no memory */
    uint64_t history; /* made of the node that was found last */
    const struct capture_node *predictor[1 << PREDICTOR_BITS];
    struct memo memo;
    struct cfi_rows *rows;
    struct capture_walk walk;
    const struct capture_node *walked; /* what was made of it; NULL: nothing */
    struct map entries;                /* hash of pcs -> struct capture_entry */
    struct arena entry_arena;
    uint64_t walks;
    struct own_stack stack; /* for walks */
};

static atomic_uint generation;
static atomic_uint depth_limit = CAPTURE_DEPTH_LIMIT;

int capture_cache_init(struct capture_cache **ret) {
    struct capture_cache *cache = memory_allocate_zeroed(1, sizeof *cache);
    if (!cache)
        return TMPALLOC_E_NOMEM;
    if (cfi_rows_create(&cache->rows) != TMPALLOC_OK) {
        memory_release(cache);
        return TMPALLOC_E_NOMEM;
    }
    cache->walk.rows = cache->rows;
    cache->walk.depth_limit = atomic_load_explicit(&depth_limit, memory_order_relaxed);
    cache->generation = atomic_load_explicit(&generation, memory_order_acquire);
    *ret = cache;
    return TMPALLOC_OK;
}

void capture_cache_forget(struct capture_cache *cache) {
    cache->history = 0;
}

void capture_cache_destroy(struct capture_cache *cache) {
    if (!cache)
        return;
    memo_deinit(&cache->memo);
    capture_walk_deinit(&cache->walk);
    cfi_rows_destroy(cache->rows);
    map_deinit(&cache->entries);
    arena_deinit(&cache->entry_arena);
    memory_release(cache);
}

/* Entries stay: what they say was true, and may be so again. */
static __attribute__((noinline)) void follow_generation(struct capture_cache *cache,
                                                        uint32_t current) {
    memo_clear(&cache->memo);
    cfi_rows_clear(cache->rows);
    memset(cache->predictor, 0, sizeof cache->predictor);
    cache->history = 0;
    cache->walked = NULL;
    cache->generation = current;
}

static uint64_t capture_hash_stack(const struct capture_walk *walk) {
    uint64_t hash = walk->modules;
    for (size_t i = 0; i < walk->pc_count; i++)
        hash = map_hash(hash + walk->pcs[i]);
    return hash + walk->truncated;
}

static bool is_stack(const struct capture_entry *entry, const struct capture_walk *walk) {
    return entry->count == walk->pc_count && entry->truncated == walk->truncated &&
           entry->modules == walk->modules &&
           memcmp(entry->pcs, walk->pcs, walk->pc_count * sizeof walk->pcs[0]) == 0;
}

static struct capture_entry *capture_add_entry(struct capture_cache *cache, uint64_t hash) {
    const struct capture_walk *walk = &cache->walk;
    size_t bytes = walk->pc_count * sizeof walk->pcs[0];
    struct capture_entry *entry = arena_allocate(&cache->entry_arena, 1, sizeof *entry + bytes);
    if (!entry)
        return NULL;
    *entry = (struct capture_entry){.count = (uint32_t)walk->pc_count,
                                    .truncated = walk->truncated,
                                    .generation = cache->generation,
                                    .modules = walk->modules};
    memcpy(entry->pcs, walk->pcs, bytes);
    return map_put(&cache->entries, hash, (uintptr_t)entry) ? NULL : entry;
}

/* The entry of what was walked; NULL without memory. */
static struct capture_entry *capture_find_entry(struct capture_cache *cache) {
    uint64_t value;
    uint64_t hash = capture_hash_stack(&cache->walk);
    for (; map_get(&cache->entries, hash, &value); hash++) {
        struct capture_entry *entry = (struct capture_entry *)(uintptr_t)value;
        if (is_stack(entry, &cache->walk))
            return entry;
    }
    return capture_add_entry(cache, hash);
}

/* A stack that isn't known, and what becomes of it. */
struct unknown {
    struct capture_cache *cache;
    struct capture_start start;
    struct memo_departure departure;
    struct capture_entry *entry;
    const struct capture_node *node;
};

static void walk_unknown(void *arg) {
    struct unknown *unknown = arg;
    struct capture_cache *cache = unknown->cache;
    struct capture_walk *walk = &cache->walk;
    if (capture_walk_run(walk, &unknown->start) != TMPALLOC_OK)
        return;
    unknown->entry = capture_find_entry(cache);
    if (unknown->entry)
        cache->refused = 0;
    if (unknown->entry && !walk->unstable)
        unknown->node = cache->walked =
            capture_memo_add(&cache->memo, &unknown->departure, walk, unknown->entry);
}

static void walk_stack(struct unknown *unknown) {
    struct capture_cache *cache = unknown->cache;
    if (cache->refused++ > TRIED_WITHOUT_MEMORY && cache->refused % TRIED_WITHOUT_MEMORY)
        return;
    cache->walks++;
    cache->walked = NULL;
    own_stack_run(&cache->stack, walk_unknown, unknown);
}

static uint64_t history_of(const struct capture_node *node) {
    return (uintptr_t)node * HASH_SPREAD;
}

/* The way of all captures that the predictor doesn't know. */
static __attribute__((noinline)) struct capture_entry *
capture_search(struct capture_cache *cache, struct capture_start start,
               const struct capture_node **slot) {
    struct unknown unknown = {.cache = cache, .start = start};
    const struct capture_node *guess = *slot;
    if (guess && guess->node.root != *(const uint64_t *)start.return_slot)
        guess = NULL;
    const struct capture_node *node =
        capture_memo_find(&cache->memo, &start, guess, &unknown.departure);
    if (!node) {
        walk_stack(&unknown);
        node = unknown.node;
    }
    if (!node)
        return unknown.entry;
    *slot = node;
    cache->history = history_of(node);
    return node->entry;
}

struct capture_entry *capture_stack(struct capture_cache *cache, uintptr_t return_slot,
                                    uintptr_t frame_pointer) {
    struct capture_start start = {.return_slot = return_slot, .frame_pointer = frame_pointer};
    uint32_t current = atomic_load_explicit(&generation, memory_order_acquire);
    if (__builtin_expect(current != cache->generation, 0))
        follow_generation(cache, current);
    uint64_t return_address = *(const uint64_t *)return_slot;
    uint64_t hash = ((return_address + cache->history) ^ return_slot << 20) * HASH_SPREAD;
    const struct capture_node **slot = &cache->predictor[hash >> (64 - PREDICTOR_BITS)];
    const struct capture_node *node = *slot;
    if (node && node->node.root == return_address && capture_node_fits(node, &start) &&
        capture_node_agrees(node, &start)) {
        cache->history = history_of(node);
        return node->entry;
    }
    return capture_search(cache, start, slot);
}

static struct capture_walk *walk_now(struct capture_cache *cache) {
    uint32_t current = atomic_load_explicit(&generation, memory_order_acquire);
    if (current != cache->generation)
        follow_generation(cache, current);
    cache->walked = NULL;
    return &cache->walk;
}

struct way {
    struct capture_cache *cache;
    struct capture_start start;
    uintptr_t outer_slot;
    enum capture_path path;
};

static void walk_way(void *arg) {
    struct way *way = arg;
    way->path = capture_walk_to(walk_now(way->cache), &way->start, way->outer_slot);
}

enum capture_path capture_path(struct capture_cache *cache, uintptr_t return_slot,
                               uintptr_t frame_pointer, uintptr_t outer_slot) {
    struct way way = {.cache = cache,
                      .start = {.return_slot = return_slot, .frame_pointer = frame_pointer},
                      .outer_slot = outer_slot};
    own_stack_run(&cache->stack, walk_way, &way);
    return way.path;
}

/* Of the node that was found last, by a walk with that start. */
static bool has_walked(const struct capture_cache *cache, const struct capture_start *start) {
    return cache->walked && cache->history == history_of(cache->walked) &&
           cache->walk.start.return_slot == start->return_slot &&
           cache->walk.start.frame_pointer == start->frame_pointer;
}

const uintptr_t *capture_bounds(struct capture_cache *cache, uintptr_t return_slot,
                                uintptr_t frame_pointer, size_t *count_ret) {
    struct capture_start start = {.return_slot = return_slot, .frame_pointer = frame_pointer};
    if (!has_walked(cache, &start))
        capture_walk_run(walk_now(cache), &start);
    *count_ret = cache->walk.bound_count;
    return cache->walk.bounds;
}

void capture_set_depth(uint32_t frames) {
    if (frames == 0 || frames > CAPTURE_DEPTH_LIMIT)
        frames = frames ? CAPTURE_DEPTH_LIMIT : 1;
    atomic_store_explicit(&depth_limit, frames, memory_order_relaxed);
}

/* The count only grows; of two threads the one that saw more has it. */
void capture_code_unloaded(void) {
    uint32_t unloaded = cfi_modules_unloaded();
    uint32_t known = atomic_load(&generation);
    while ((int32_t)(unloaded - known) > 0 &&
           !atomic_compare_exchange_weak(&generation, &known, unloaded))
        continue;
}

uint64_t capture_walks(const struct capture_cache *cache) {
    return cache->walks;
}
