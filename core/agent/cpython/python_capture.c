#include "agent/cpython/python_capture.h"

#include <limits.h>
#include <string.h>

#include "agent/cpython/python_here.h"
#include "agent/cpython/python_memo.h"
#include "agent/system/capture_pages.h"
#include "agent/system/own_stack.h"
#include "agent/system/sandbox_state.h"
#include "support/hash.h"
#include "support/memory.h"
#include "tmpalloc/status.h"

#define NONE PYTHON_NO_OFFSET

/* Slots of the predictor: more than the places that a program allocates at in turn. */
#define PREDICTOR_BITS 10

#define WORD_BYTES ((uintptr_t)8)

/* A walk met code objects: the layout is what we believe. */
static atomic_bool trusted;

/* A walk, and what it read. */
struct log {
    struct python_cell *cells;
    size_t count;
    size_t capacity;
    bool unstable; /* cells don't tell an equal walk: memory can't be read, or code is dying */
    bool no_memory;
    struct capture_pages pages;
};

struct python_cache {
    struct python_self self;
    struct python_node *last; /* found; NULL: nothing that the next one follows */
    struct python_node *predictor[1 << PREDICTOR_BITS];
    struct memo memo;
    struct log log;
    struct map entries; /* hash of places -> struct python_entry */
    struct arena entry_arena;
    uint64_t walks;
    struct python_node *walked; /* what was made of the latest walk; NULL: nothing */
    size_t frame_count;         /* of that walk */
    struct python_frame frames[PYTHON_DEPTH_LIMIT];
    struct python_place places[PYTHON_DEPTH_LIMIT];
    struct own_stack stack; /* for walks */
};

int python_cache_init(struct python_cache **ret) {
    struct python_cache *cache = memory_allocate_zeroed(1, sizeof *cache);
    if (!cache)
        return TMPALLOC_E_NOMEM;
    *ret = cache;
    return TMPALLOC_OK;
}

void python_cache_forget(struct python_cache *cache) {
    cache->self = (struct python_self){0};
    cache->last = NULL;
}

void python_cache_destroy(struct python_cache *cache) {
    if (!cache)
        return;
    memo_deinit(&cache->memo);
    memory_release(cache->log.cells);
    map_deinit(&cache->entries);
    arena_deinit(&cache->entry_arena);
    memory_release(cache);
}

/* Walking. */

static void python_capture_log_cell(struct log *log, struct python_cell cell) {
    if (log->count == log->capacity && MEMORY_RESERVE(log->cells, &log->capacity, log->count + 1)) {
        log->no_memory = true;
        return;
    }
    cell.value = python_cell_read(&cell);
    log->cells[log->count++] = cell;
}

/* In a sandbox the kernel isn't asked: what it confirmed before must do. */
static bool is_readable(struct log *log, uintptr_t place) {
    if (sandbox_entered())
        return atomic_load_explicit(&trusted, memory_order_relaxed);
    return capture_pages_readable(&log->pages, place);
}

/* All that a walk of frames reads are fields within a word. */
static bool read_logged(void *arg, uint64_t address, void *buffer, size_t size_bytes) {
    struct log *log = arg;
    uint64_t place = address & -WORD_BYTES;
    uint64_t all = UINT64_MAX >> (WORD_BYTES - size_bytes) * CHAR_BIT;
    if (address % size_bytes || !is_readable(log, place)) {
        log->unstable = true;
        return false;
    }
    python_capture_log_cell(
        log, (struct python_cell){.place = place, .mask = all << (address - place) * CHAR_BIT});
    memcpy(buffer, (const void *)(uintptr_t)address, size_bytes);
    return true;
}

/* Code objects are copied by this: any bytes, which aren't compared afterwards. */
static bool read_checked(void *arg, uint64_t address, void *buffer, size_t size_bytes) {
    struct log *log = arg;
    uintptr_t end = address + size_bytes;
    for (uintptr_t place = address & -WORD_BYTES; place < end; place += WORD_BYTES) {
        if (!is_readable(log, place))
            return false;
    }
    memcpy(buffer, (const void *)(uintptr_t)address, size_bytes);
    return true;
}

/* Since 3.11 the instruction says the code object, which it points into: as long as none died,
 * comparing it compares both. */
static void drop_implied(struct python_cache *cache, size_t count) {
    const struct python_offsets *offsets = &python_here()->offsets;
    struct log *log = &cache->log;
    size_t kept = 0, frame = 0;
    if (offsets->instruction != PYTHON_POINTER)
        return;
    for (size_t i = 0; i < log->count; i++) {
        if (frame < count &&
            log->cells[i].place == cache->frames[frame].address + offsets->frame_code)
            frame++;
        else
            log->cells[kept++] = log->cells[i];
    }
    log->count = kept;
}

/* Fills frames and the log. */
static void walk_frames(struct python_cache *cache, uintptr_t thread, bool *truncated_ret) {
    struct log *log = &cache->log;
    const struct python_process process = {.read = read_logged, .arg = log};
    log->pages = (struct capture_pages){0};
    log->count = 0;
    log->unstable = log->no_memory = false;
    cache->walked = NULL;
    cache->frame_count = python_frames_list(&process, python_here(), thread, cache->frames,
                                            PYTHON_DEPTH_LIMIT, truncated_ret);
    drop_implied(cache, cache->frame_count);
}

/* Fills places.  Less than `count`: a frame whose code isn't to be had. */
static size_t find_codes(struct python_cache *cache, size_t count) {
    const struct python_process process = {.read = read_checked, .arg = &cache->log};
    for (size_t i = 0; i < count; i++) {
        const struct python_frame *frame = &cache->frames[i];
        bool dying;
        const struct python_code *code = python_codes_find(&process, frame->code, &dying);
        if (!code)
            return i;
        cache->log.unstable |= dying;
        cache->places[i] = (struct python_place){
            .code = code, .instruction = frame->instruction, .is_entry = frame->is_entry};
    }
    return count;
}

/* Entries. */

static uint64_t hash_places(const struct python_cache *cache, size_t count, bool truncated) {
    uint64_t hash = count + ((uint64_t)truncated << 32);
    for (size_t i = 0; i < count; i++) {
        const struct python_place *place = &cache->places[i];
        hash = map_hash(hash + (uintptr_t)place->code);
        hash = map_hash(hash + (uint32_t)place->instruction + ((uint64_t)place->is_entry << 32));
    }
    return hash;
}

static struct python_entry *python_capture_add_entry(struct python_cache *cache, size_t count,
                                                     bool truncated, uint64_t hash) {
    size_t bytes = count * sizeof cache->places[0];
    struct python_entry *entry = arena_allocate(&cache->entry_arena, 1, sizeof *entry + bytes);
    if (!entry)
        return NULL;
    *entry = (struct python_entry){.count = (uint32_t)count, .truncated = truncated};
    memcpy(entry->places, cache->places, bytes);
    return map_put(&cache->entries, hash, (uintptr_t)entry) ? NULL : entry;
}

/* The entry of what was walked; NULL without memory. */
static struct python_entry *python_capture_find_entry(struct python_cache *cache, size_t count,
                                                      bool truncated) {
    uint64_t value;
    uint64_t hash = hash_places(cache, count, truncated);
    for (; map_get(&cache->entries, hash, &value); hash++) {
        struct python_entry *entry = (struct python_entry *)(uintptr_t)value;
        if (entry->count == count && entry->truncated == truncated &&
            memcmp(entry->places, cache->places, count * sizeof cache->places[0]) == 0)
            return entry;
    }
    return python_capture_add_entry(cache, count, truncated, hash);
}

struct walk {
    struct python_cache *cache;
    uintptr_t thread;
    struct python_entry *entry;
};

static void run_walk(void *arg) {
    struct walk *walk = arg;
    struct python_cache *cache = walk->cache;
    bool truncated;
    cache->walks++;
    walk_frames(cache, walk->thread, &truncated);
    size_t known = find_codes(cache, cache->frame_count);
    if (known < cache->frame_count)
        truncated = cache->log.unstable = true;
    if (known > 0)
        atomic_store_explicit(&trusted, true, memory_order_relaxed);
    walk->entry = python_capture_find_entry(cache, known, truncated);
}

static struct python_entry *python_capture_walk(struct python_cache *cache, uintptr_t thread) {
    struct walk walk = {.cache = cache, .thread = thread};
    own_stack_run(&cache->stack, run_walk, &walk);
    return walk.entry;
}

/* Finding again. */

/* What tells most stacks apart: the innermost frame and its instruction. */
static uint64_t python_capture_innermost(uintptr_t thread) {
    const struct python_offsets *offsets = &python_here()->offsets;
    uintptr_t holder = thread;
    uint32_t offset = offsets->thread_frame;
    if (offsets->cframe_frame != NONE) {
        holder = *(const uintptr_t *)(thread + offsets->thread_cframe);
        offset = offsets->cframe_frame;
    }
    uintptr_t frame = *(const uintptr_t *)(holder + offset);
    if (!frame)
        return 0;
    return frame + *(const uint64_t *)(frame + offsets->frame_instruction) * HASH_SPREAD;
}

/* Code objects died since the entry was found: memory is the same, but may mean something else. */
static struct python_entry *python_capture_renew(struct python_cache *cache,
                                                 struct python_node *node, uint64_t deaths) {
    struct python_entry *entry = python_capture_walk(cache, node->node.root);
    if (entry && !cache->log.unstable) {
        node->result = entry;
        node->made = deaths;
        cache->walked = node;
    }
    return entry;
}

static bool is_right(const struct python_node *node, uintptr_t thread) {
    return node->node.root == thread && python_node_agrees(node) &&
           node->made == python_codes_deaths();
}

static void note_found(struct python_cache *cache, struct python_node *node) {
    if (cache->last)
        cache->last->next = node;
    cache->last = node;
}

/* Finds the node by all means, or makes it. */
static struct python_entry *python_capture_search(struct python_cache *cache, uintptr_t thread,
                                                  struct python_node **slot) {
    struct memo_departure departure;
    uint64_t deaths = python_codes_deaths();
    struct python_node *guess = *slot && (*slot)->node.root == thread ? *slot : NULL;
    struct python_node *node = python_memo_find(&cache->memo, thread, guess, &departure);
    if (node) {
        *slot = node;
        note_found(cache, node);
        return node->made == deaths ? node->result : python_capture_renew(cache, node, deaths);
    }
    struct python_entry *entry = python_capture_walk(cache, thread);
    if (!entry || cache->log.unstable || cache->log.no_memory)
        return entry;
    node = python_memo_add(&cache->memo, thread, &departure, cache->log.cells, cache->log.count);
    if (node) {
        node->result = entry;
        node->made = deaths;
        cache->walked = node;
        *slot = node;
        note_found(cache, node);
    }
    return entry;
}

/* The way of all captures that don't follow the one before as they did last time. */
static __attribute__((noinline)) struct python_entry *look_up(struct python_cache *cache,
                                                              uintptr_t thread) {
    if (!thread)
        return python_capture_find_entry(cache, 0, false);
    if (!atomic_load_explicit(&trusted, memory_order_relaxed))
        return python_capture_walk(cache, thread);
    struct python_node **slot =
        &cache->predictor[python_capture_innermost(thread) * HASH_SPREAD >> (64 - PREDICTOR_BITS)];
    if (!*slot || !is_right(*slot, thread))
        return python_capture_search(cache, thread, slot);
    note_found(cache, *slot);
    return (*slot)->result;
}

/* The first guess doesn't wait for memory of CPython's. */
struct python_entry *python_capture(struct python_cache *cache) {
    struct python_node *guess = cache->last ? cache->last->next : NULL;
    uintptr_t thread = python_here_thread(&cache->self);
    if (!guess || !is_right(guess, thread))
        return look_up(cache, thread);
    cache->last = guess;
    return guess->result;
}

size_t python_capture_loops(struct python_cache *cache, uint64_t *loops, size_t limit) {
    bool truncated;
    size_t found = 0;
    uintptr_t thread = python_here_thread(&cache->self);
    if (!thread)
        return 0;
    if (!cache->walked || cache->walked != cache->last)
        walk_frames(cache, thread, &truncated);
    for (size_t i = 0; i < cache->frame_count && found < limit; i++) {
        if (cache->frames[i].is_entry)
            loops[found++] = cache->frames[i].loop;
    }
    return found;
}

uint64_t python_capture_walks(const struct python_cache *cache) {
    return cache->walks;
}
