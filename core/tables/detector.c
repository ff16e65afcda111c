#include "tables/detector.h"

#include <stddef.h>

#include "support/error.h"
#include "support/lock.h"
#include "support/map.h"
#include "support/memory.h"

/* A word, from its lowest bit: ordinal, owner (0: the word is empty), tag.  The ordinal is the
 * owner's allocation number, cut to its low bits; still lower bits of it are the ring slot.  The
 * tag is what the word's place in the table doesn't tell of the address. */
#define ORDINAL_BITS 12
#define OWNER_BITS   20
#define TAG_SHIFT    (ORDINAL_BITS + OWNER_BITS)
#define INDEX_BITS   16
#define ALIGN_BITS   4
#define REGION_BITS  (INDEX_BITS + ALIGN_BITS)

/* Higher addresses don't fit into a word; they are always put aside. */
#define WORD_ADDRESS_LIMIT (UINT64_C(1) << 48)

#define MASK(bits)           ((UINT64_C(1) << (bits)) - 1)
#define INDEX_COUNT          (1u << INDEX_BITS)
#define OWNER_COUNT          (1u << OWNER_BITS)
#define CHUNK_WINDOWS        1024u
#define FILTER_COUNT         4096u
#define SMALLEST_ASIDE_LIMIT 64u

/* Kept apart from what every allocation runs through. */
#define COLD __attribute__((noinline))

struct window {
    _Atomic uint64_t allocations; /* so far: the ordinal of the latest */
    _Atomic(void *) owner;
    uint64_t stamp; /* its number, where a word has it */
    struct window *next_unused;
    struct window_entry ring[];
};

struct chunk {
    _Atomic(struct window *) windows[CHUNK_WINDOWS];
};

struct detector {
    uint32_t max_threshold;
    uint32_t ring_mask;
    _Atomic uint64_t *words;
    const char *alone;
    struct lock lock;
    /* Everything below changes under the lock only. */
    struct map aside; /* address -> word */
    size_t aside_limit;
    /* Words put aside, counted per group of indices: 0 spares looking. */
    _Atomic uint32_t aside_filter[FILTER_COUNT];
    uint32_t window_count;
    struct window *unused_windows;
    _Atomic(struct chunk *) chunks[OWNER_COUNT / CHUNK_WINDOWS];
};

/* Neighbours keep neighbouring words; regions of 1 MB, which the heaps of threads are aligned to,
 * start at scattered places. */
static uint64_t region_start(uint64_t region) {
    return region * 0x9e37;
}

static uint32_t index_of(uint64_t address) {
    uint64_t region = address >> REGION_BITS;
    return (uint32_t)(((address >> ALIGN_BITS) + region_start(region)) & MASK(INDEX_BITS));
}

static uint64_t tag_of(uint64_t address) {
    return (address >> REGION_BITS) << ALIGN_BITS | (address & MASK(ALIGN_BITS));
}

static uint64_t make_word(const struct window *window, uint64_t ordinal, uint64_t address) {
    return tag_of(address) << TAG_SHIFT | window->stamp | (ordinal & MASK(ORDINAL_BITS));
}

static bool detector_names(uint64_t word, uint64_t address) {
    return word && word >> TAG_SHIFT == tag_of(address);
}

static uint64_t address_of(uint64_t word, uint32_t index) {
    uint64_t tag = word >> TAG_SHIFT, region = tag >> ALIGN_BITS;
    uint64_t middle = (index - region_start(region)) & MASK(INDEX_BITS);
    return region << REGION_BITS | middle << ALIGN_BITS | (tag & MASK(ALIGN_BITS));
}

static struct window *window_numbered(const struct detector *detector, uint32_t number) {
    struct chunk *chunk =
        atomic_load_explicit(&detector->chunks[number / CHUNK_WINDOWS], memory_order_acquire);
    return atomic_load_explicit(&chunk->windows[number % CHUNK_WINDOWS], memory_order_acquire);
}

static struct window *owner_of(const struct detector *detector, uint64_t word) {
    return window_numbered(detector, (uint32_t)(word >> ORDINAL_BITS & MASK(OWNER_BITS)));
}

static bool is_of(const struct window *window, uint64_t word) {
    return ((word ^ window->stamp) & MASK(OWNER_BITS) << ORDINAL_BITS) == 0;
}

/* A block in a window. */
struct found {
    struct window *owner;
    struct window_entry *entry;
    uint64_t number;
    uint64_t distance;
};

/* Whether the block that a word of ret->owner names is still in its window.  The owner counts an
 * allocation after it changed the ring: reading in the other order never takes a later block's
 * entry for this one. */
static bool detector_find_entry(const struct detector *detector, uint64_t word, uint64_t address,
                                struct found *ret) {
    uint64_t allocations = atomic_load_explicit(&ret->owner->allocations, memory_order_acquire);
    ret->distance = (allocations - word) & MASK(ORDINAL_BITS);
    ret->number = allocations - ret->distance;
    ret->entry = &ret->owner->ring[word & detector->ring_mask];
    return ret->distance <= detector->max_threshold &&
           atomic_load_explicit(&ret->entry->address, memory_order_relaxed) == address;
}

static bool in_window(const struct detector *detector, uint64_t word, uint64_t address) {
    struct found found;
    if (!word)
        return false;
    found.owner = owner_of(detector, word);
    return detector_find_entry(detector, word, address, &found);
}

/* The words put aside.  The caller holds the lock, but for may_be_aside(). */

static _Atomic uint32_t *filter_for(struct detector *detector, uint64_t address) {
    return &detector->aside_filter[index_of(address) % FILTER_COUNT];
}

static bool may_be_aside(struct detector *detector, uint64_t address) {
    return atomic_load_explicit(filter_for(detector, address), memory_order_relaxed) != 0;
}

static void remove_aside(struct detector *detector, uint64_t address) {
    if (map_remove(&detector->aside, address))
        atomic_fetch_sub_explicit(filter_for(detector, address), 1, memory_order_relaxed);
}

/* Removing an entry can move a later one into its slot, so that slot is looked at again. */
static void purge_aside(struct detector *detector) {
    struct map *aside = &detector->aside;
    for (size_t i = 0; i < aside->capacity;) {
        const struct map_slot *slot = &aside->slots[i];
        if (slot->used && !in_window(detector, slot->value, slot->key))
            remove_aside(detector, slot->key);
        else
            i++;
    }
    detector->aside_limit = aside->count * 2;
    if (detector->aside_limit < SMALLEST_ASIDE_LIMIT)
        detector->aside_limit = SMALLEST_ASIDE_LIMIT;
}

/* A dead word of this address may be there already. */
static int put_aside(struct detector *detector, uint64_t address, uint64_t word) {
    if (detector->aside.count >= detector->aside_limit)
        purge_aside(detector);
    size_t count = detector->aside.count;
    int status = map_put(&detector->aside, address, word);
    if (status != TMPALLOC_OK)
        return status;
    if (detector->aside.count > count)
        atomic_fetch_add_explicit(filter_for(detector, address), 1, memory_order_relaxed);
    return TMPALLOC_OK;
}

/* Life of a detector and its windows. */

static uint32_t ring_size(uint32_t max_threshold) {
    uint32_t size = 1;
    while (size <= max_threshold)
        size *= 2;
    return size;
}

int detector_create(uint32_t max_threshold, const char *alone, struct detector **ret) {
    static const char never;
    struct detector *detector = memory_allocate_zeroed(1, sizeof *detector);
    if (!detector)
        return TMPALLOC_E_NOMEM;
    detector->words = memory_allocate_zeroed(INDEX_COUNT, sizeof *detector->words);
    if (!detector->words) {
        memory_release(detector);
        return TMPALLOC_E_NOMEM;
    }
    detector->max_threshold = max_threshold;
    detector->alone = alone ? alone : &never;
    detector->ring_mask = ring_size(max_threshold) - 1;
    detector->aside_limit = SMALLEST_ASIDE_LIMIT;
    map_init(&detector->aside);
    *ret = detector;
    return TMPALLOC_OK;
}

void detector_destroy(struct detector *detector) {
    if (!detector)
        return;
    for (uint32_t i = 1; i <= detector->window_count; i++)
        memory_release(window_numbered(detector, i));
    for (uint32_t i = 0; i < OWNER_COUNT / CHUNK_WINDOWS; i++)
        memory_release(atomic_load(&detector->chunks[i]));
    map_deinit(&detector->aside);
    memory_release(detector->words);
    memory_release(detector);
}

static struct chunk *chunk_for(struct detector *detector, uint32_t number) {
    _Atomic(struct chunk *) *place = &detector->chunks[number / CHUNK_WINDOWS];
    struct chunk *chunk = atomic_load_explicit(place, memory_order_relaxed);
    if (!chunk) {
        chunk = memory_allocate_zeroed(1, sizeof *chunk);
        atomic_store_explicit(place, chunk, memory_order_release);
    }
    return chunk;
}

/* Numbers count from 1: owner 0 marks an empty word. */
static struct window *new_window(struct detector *detector) {
    uint32_t number = detector->window_count + 1;
    struct chunk *chunk = number < OWNER_COUNT ? chunk_for(detector, number) : NULL;
    if (!chunk)
        return NULL;
    size_t ring_bytes = (detector->ring_mask + 1) * sizeof(struct window_entry);
    struct window *window = memory_allocate_zeroed(1, sizeof *window + ring_bytes);
    if (!window)
        return NULL;
    window->stamp = (uint64_t)number << ORDINAL_BITS;
    detector->window_count = number;
    atomic_store_explicit(&chunk->windows[number % CHUNK_WINDOWS], window, memory_order_release);
    return window;
}

int detector_add_window(struct detector *detector, void *owner, struct window **ret) {
    lock_take(&detector->lock);
    struct window *window = detector->unused_windows;
    if (window)
        detector->unused_windows = window->next_unused;
    else
        window = new_window(detector);
    lock_give(&detector->lock);
    if (!window)
        return TMPALLOC_E_NOMEM;
    atomic_store_explicit(&window->owner, owner, memory_order_relaxed);
    *ret = window;
    return TMPALLOC_OK;
}

void detector_remove_window(struct detector *detector, struct window *window) {
    detector_flush_window(detector, window);
    lock_take(&detector->lock);
    window->next_unused = detector->unused_windows;
    detector->unused_windows = window;
    lock_give(&detector->lock);
}

/* Words that name the window stay, but find nothing in its ring. */
void detector_flush_window(struct detector *detector, struct window *window) {
    for (uint32_t i = 0; i <= detector->ring_mask; i++)
        atomic_store_explicit(&window->ring[i].address, 0, memory_order_relaxed);
}

void detector_flush(struct detector *detector) {
    for (uint32_t i = 1; i <= detector->window_count; i++)
        detector_flush_window(detector, window_numbered(detector, i));
    lock_take(&detector->lock);
    purge_aside(detector);
    lock_give(&detector->lock);
}

bool detector_before_fork(struct detector *detector) {
    return lock_before_fork(&detector->lock);
}

void detector_after_fork(struct detector *detector) {
    lock_after_fork(&detector->lock);
}

/* Events. */

/* Gives the allocation's ordinal. */
static uint64_t add_to_ring(struct detector *detector, struct window *window, uint64_t address,
                            uint64_t size_bytes, void *site) {
    uint64_t ordinal = atomic_load_explicit(&window->allocations, memory_order_relaxed) + 1;
    struct window_entry *entry = &window->ring[ordinal & detector->ring_mask];
    atomic_store_explicit(&entry->address, address, memory_order_relaxed);
    atomic_store_explicit(&entry->size_bytes, size_bytes, memory_order_relaxed);
    atomic_store_explicit(&entry->site, site, memory_order_relaxed);
    atomic_store_explicit(&window->allocations, ordinal, memory_order_release);
    return ordinal;
}

/* Replaces *seen by `word`; when another thread was faster *seen is what it wrote. */
static bool detector_replace(const struct detector *detector, _Atomic uint64_t *place,
                             uint64_t *seen, uint64_t word) {
    if (*detector->alone) {
        atomic_store_explicit(place, word, memory_order_relaxed);
        return true;
    }
    return atomic_compare_exchange_strong_explicit(place, seen, word, memory_order_acq_rel,
                                                   memory_order_acquire);
}

/* The old word is found aside before it leaves the table, so at no time in neither. */
static int store_word(struct detector *detector, uint64_t address, uint64_t word) {
    uint32_t index = index_of(address);
    uint64_t old = atomic_load_explicit(&detector->words[index], memory_order_acquire);
    for (;;) {
        uint64_t old_address = address_of(old, index);
        bool displaced = old_address != address && in_window(detector, old, old_address);
        int status = displaced ? put_aside(detector, old_address, old) : TMPALLOC_OK;
        if (detector_replace(detector, &detector->words[index], &old, word))
            return status;
        if (displaced)
            remove_aside(detector, old_address);
    }
}

static int allocated_locked(struct detector *detector, uint64_t address, uint64_t word) {
    /* A block whose free was not seen may have left a word. */
    remove_aside(detector, address);
    if (address >= WORD_ADDRESS_LIMIT)
        return put_aside(detector, address, word);
    return store_word(detector, address, word);
}

static int allocated_with_lock(struct detector *detector, uint64_t address, uint64_t word) {
    lock_take(&detector->lock);
    int status = allocated_locked(detector, address, word);
    lock_give(&detector->lock);
    return status;
}

/* Whether nothing is lost with a word: it names the address that is allocated, or, as most do, an
 * old block of the same thread. */
static bool is_stale(const struct detector *detector, const struct window *window, uint64_t word,
                     uint64_t address) {
    uint64_t ordinal = atomic_load_explicit(&window->allocations, memory_order_relaxed);
    return detector_names(word, address) ||
           (is_of(window, word) &&
            ((ordinal - word) & MASK(ORDINAL_BITS)) > detector->max_threshold);
}

static COLD int allocated_otherwise(struct detector *detector, uint64_t address, uint64_t word) {
    if (address < WORD_ADDRESS_LIMIT && !may_be_aside(detector, address)) {
        uint32_t index = index_of(address);
        uint64_t old = atomic_load_explicit(&detector->words[index], memory_order_acquire);
        uint64_t old_address = address_of(old, index);
        if ((old_address == address || !in_window(detector, old, old_address)) &&
            detector_replace(detector, &detector->words[index], &old, word))
            return TMPALLOC_OK;
    }
    return allocated_with_lock(detector, address, word);
}

int detector_allocated(struct detector *detector, struct window *window, uint64_t address,
                       uint64_t size_bytes, void *site) {
    uint64_t ordinal = add_to_ring(detector, window, address, size_bytes, site);
    uint64_t word = make_word(window, ordinal, address);
    if (address < WORD_ADDRESS_LIMIT && !may_be_aside(detector, address)) {
        _Atomic uint64_t *place = &detector->words[index_of(address)];
        uint64_t old = atomic_load_explicit(place, memory_order_acquire);
        if (is_stale(detector, window, old, address) &&
            detector_replace(detector, place, &old, word))
            return TMPALLOC_OK;
    }
    return allocated_otherwise(detector, address, word);
}

static bool get_aside(struct detector *detector, uint64_t address, bool take, uint64_t *word_ret) {
    lock_take(&detector->lock);
    bool found = map_get(&detector->aside, address, word_ret);
    if (take)
        remove_aside(detector, address);
    lock_give(&detector->lock);
    return found;
}

static uint64_t load_word(const struct detector *detector, uint64_t address) {
    return atomic_load_explicit(&detector->words[index_of(address)], memory_order_acquire);
}

/* Finds the word of an address.  In the table it stays, even when its block leaves the window. */
static bool get_word(struct detector *detector, uint64_t address, bool take, uint64_t *word_ret) {
    *word_ret = load_word(detector, address);
    if (detector_names(*word_ret, address))
        return true;
    return may_be_aside(detector, address) && get_aside(detector, address, take, word_ret);
}

static void detector_describe(uint64_t address, const struct found *found, uint64_t word,
                              struct detector_block *ret) {
    const struct window_entry *entry = found->entry;
    ret->address = address;
    ret->size_bytes = atomic_load_explicit(&entry->size_bytes, memory_order_relaxed);
    ret->distance = found->distance;
    ret->number = found->number;
    ret->site = atomic_load_explicit(&entry->site, memory_order_relaxed);
    ret->owner = atomic_load_explicit(&found->owner->owner, memory_order_relaxed);
    ret->word = word;
}

/* The owner may give the entry to its next allocation at any time: a plain store could wipe that
 * one out. */
static bool detector_claim(struct window_entry *entry, uint64_t address) {
    return atomic_compare_exchange_strong_explicit(&entry->address, &address, 0,
                                                   memory_order_relaxed, memory_order_relaxed);
}

static COLD enum detector_verdict freed_otherwise(struct detector *detector, struct window *window,
                                                  uint64_t address, struct detector_block *ret) {
    uint64_t word;
    struct found found;
    if (!get_word(detector, address, true, &word))
        return DETECTOR_PLAIN;
    found.owner = owner_of(detector, word);
    if (!detector_find_entry(detector, word, address, &found))
        return DETECTOR_PLAIN;
    detector_describe(address, &found, word, ret);
    if (!detector_claim(found.entry, address))
        return DETECTOR_PLAIN;
    return found.owner == window ? DETECTOR_TEMPORARY : DETECTOR_CROSS_THREAD;
}

enum detector_verdict detector_freed(struct detector *detector, struct window *window,
                                     uint64_t address, struct detector_block *ret) {
    uint64_t word = load_word(detector, address);
    struct found found = {.owner = window};
    if (!detector_names(word, address) || !is_of(window, word)) {
        struct detector_block block;
        enum detector_verdict verdict = freed_otherwise(detector, window, address, &block);
        *ret = block;
        return verdict;
    }
    if (!detector_find_entry(detector, word, address, &found))
        return DETECTOR_PLAIN;
    detector_describe(address, &found, word, ret);
    atomic_store_explicit(&found.entry->address, 0, memory_order_relaxed);
    return DETECTOR_TEMPORARY;
}

void detector_later(const struct detector *detector, const struct window *window,
                    const struct detector_block *block, uint64_t number,
                    struct detector_block *ret) {
    const struct window_entry *entry = &window->ring[(block->word + number) & detector->ring_mask];
    ret->size_bytes = atomic_load_explicit(&entry->size_bytes, memory_order_relaxed);
    ret->site = atomic_load_explicit(&entry->site, memory_order_relaxed);
}

uint64_t detector_latest(const struct window *window) {
    return atomic_load_explicit(&window->allocations, memory_order_relaxed);
}

/* Another thread's entry may be another block's by now: then the word is too old to find it. */
int detector_put_back(struct detector *detector, const struct detector_block *block) {
    struct window *owner = owner_of(detector, block->word);
    struct window_entry *entry = &owner->ring[block->word & detector->ring_mask];
    uint64_t empty = 0;
    atomic_compare_exchange_strong_explicit(&entry->address, &empty, block->address,
                                            memory_order_relaxed, memory_order_relaxed);
    return allocated_with_lock(detector, block->address, block->word);
}

bool detector_find(struct detector *detector, uint64_t address, struct detector_block *ret) {
    uint64_t word;
    struct found found;
    if (!get_word(detector, address, false, &word))
        return false;
    found.owner = owner_of(detector, word);
    if (!detector_find_entry(detector, word, address, &found))
        return false;
    detector_describe(address, &found, word, ret);
    return true;
}

/* A block whose free was not seen may have left its entry. */
static bool find_numbered(struct detector *detector, const struct window *window, uint64_t number,
                          struct detector_block *ret) {
    const struct window_entry *entry = &window->ring[number & detector->ring_mask];
    uint64_t address = atomic_load_explicit(&entry->address, memory_order_relaxed);
    return address && detector_find(detector, address, ret) && ret->number == number &&
           is_of(window, ret->word);
}

bool detector_holds(struct detector *detector, const struct window *window, uint64_t number) {
    struct detector_block block;
    return find_numbered(detector, window, number, &block);
}

void detector_for_each(struct detector *detector, const struct window *window,
                       bool (*visit)(void *arg, const struct detector_block *block), void *arg) {
    uint64_t allocations = atomic_load_explicit(&window->allocations, memory_order_acquire);
    for (uint64_t age = 0; age <= detector->max_threshold && age < allocations; age++) {
        struct detector_block block;
        if (find_numbered(detector, window, allocations - age, &block) && !visit(arg, &block))
            return;
    }
}

struct window_layout detector_window_layout(const struct detector *detector) {
    return (struct window_layout){.allocations_off = offsetof(struct window, allocations),
                                  .ring_off = offsetof(struct window, ring),
                                  .ring_entries = detector->ring_mask + 1};
}

/* For tests. */

/* Whether the block of a word is in one place alone, and nowhere after its number is too old. */
static bool is_aside_valid(struct detector *detector, const struct map_slot *slot) {
    uint64_t owner = slot->value >> ORDINAL_BITS & MASK(OWNER_BITS);
    if (owner == 0 || owner > detector->window_count)
        return false;
    uint64_t word = load_word(detector, slot->key);
    return !detector_names(word, slot->key) || !in_window(detector, word, slot->key) ||
           !in_window(detector, slot->value, slot->key);
}

static bool is_window_valid(const struct detector *detector, uint32_t number) {
    const struct window *window = window_numbered(detector, number);
    if (!window || window->stamp != (uint64_t)number << ORDINAL_BITS)
        return false;
    for (uint64_t place = window->allocations + 1; place <= detector->ring_mask; place++) {
        if (window->ring[place].address != 0) /* nothing was there yet */
            return false;
    }
    return true;
}

bool detector_is_valid(struct detector *detector) {
    uint64_t filtered = 0;
    for (uint32_t i = 1; i <= detector->window_count; i++) {
        if (!is_window_valid(detector, i))
            return false;
    }
    for (uint32_t i = 0; i < INDEX_COUNT; i++) {
        if ((detector->words[i] >> ORDINAL_BITS & MASK(OWNER_BITS)) > detector->window_count)
            return false;
    }
    for (size_t i = 0; i < detector->aside.capacity; i++) {
        const struct map_slot *slot = &detector->aside.slots[i];
        if (slot->used && !is_aside_valid(detector, slot))
            return false;
    }
    for (uint32_t i = 0; i < FILTER_COUNT; i++)
        filtered += detector->aside_filter[i];
    return filtered == detector->aside.count;
}
