#include "agent/system/memory_mmap.h"

#include <stdalign.h>
#include <string.h>

#include "agent/system/kernel_memory.h"
#include "agent/system/sandbox_state.h"
#include "platform/page.h"
#include "support/lock.h"
#include "support/memory.h"

#define CHUNK_BYTES   ((size_t)1 << 20)
#define GROWTH_BYTES  ((size_t)4 << 20)  /* at least, or in proportion to what there is */
#define LARGEST_BLOCK ((size_t)64 << 10) /* in a chunk, its head included */

/* Classes of block sizes: four steps to each power of two. */
#define SMALLEST_SHIFT 5
#define STEPS          4
#define CLASS_COUNT    64

struct block {
    alignas(max_align_t) size_t capacity; /* the head included */
    struct block *next_unused;
};

/* Pages that nobody has. */
struct span {
    struct span *next;
    size_t size_bytes;
    bool zeroed; /* but for this */
};

struct chunk {
    unsigned char *start;
    size_t left;
    bool zeroed;
};

static struct lock lock = LOCK_INIT;
static uint64_t limit = UINT64_MAX;
static uint64_t mapped;
static uint64_t carved; /* bytes of `mapped` that are not to be had any more */
static uint64_t spare;  /* bytes in spans */
static size_t in_use;
static struct span *spans;
static struct chunk chunk;
static struct block *unused[CLASS_COUNT];
static uint64_t fail_countdown;
static __thread bool reserve_allowed __attribute__((tls_model("initial-exec")));

void memory_set_limit(uint64_t limit_bytes) {
    limit = limit_bytes;
}

uint64_t memory_mapped(void) {
    lock_take(&lock);
    uint64_t result = mapped - spare;
    lock_give(&lock);
    return result;
}

void memory_use_reserve(bool allowed) {
    reserve_allowed = allowed;
}

bool memory_before_fork(void) {
    return lock_before_fork(&lock);
}

void memory_after_fork(void) {
    lock_after_fork(&lock);
}

/* Everything below, up to the functions of memory.h, is called with the lock held. */

static bool memory_mmap_must_fail(void) {
    return fail_countdown > 0 && --fail_countdown == 0;
}

static void add_span(void *pages, size_t size_bytes, bool zeroed) {
    struct span *span = pages;
    *span = (struct span){.next = spans, .size_bytes = size_bytes, .zeroed = zeroed};
    spans = span;
    spare += size_bytes;
}

/* At least `least` bytes, and all of the first span that has as many up to `most`. */
static void *take_pages(size_t least, size_t most, size_t *size_ret, bool *zeroed_ret) {
    struct span **place = &spans;
    while (*place && (*place)->size_bytes < least)
        place = &(*place)->next;
    struct span *found = *place;
    if (!found)
        return NULL;
    struct span span = *found;
    size_t size = span.size_bytes < most ? span.size_bytes : most;
    *place = span.next;
    spare -= span.size_bytes;
    if (size < span.size_bytes)
        add_span((char *)found + size, span.size_bytes - size, span.zeroed);
    *found = (struct span){0};
    *size_ret = size;
    *zeroed_ret = span.zeroed;
    return found;
}

static bool map_pages(size_t size_bytes) {
    void *pages = size_bytes > 0 ? kernel_map(size_bytes) : NULL;
    if (!pages)
        return false;
    mapped += size_bytes;
    add_span(pages, size_bytes, true);
    return true;
}

/* What the limit leaves, in whole pages. */
static uint64_t growth_left(void) {
    return limit > mapped ? (limit - mapped) / PAGE_BYTES * PAGE_BYTES : 0;
}

static bool memory_mmap_grow(size_t needed) {
    uint64_t left = growth_left();
    uint64_t size = mapped / 2 / PAGE_BYTES * PAGE_BYTES;
    if (size < GROWTH_BYTES)
        size = GROWTH_BYTES;
    if (size < needed)
        size = needed;
    if (size > left)
        size = left;
    return size >= needed && !sandbox_entered() && map_pages(size);
}

static bool memory_mmap_fits(uint64_t total, size_t size_bytes) {
    uint64_t usable = reserve_allowed ? total : total - total / MEMORY_RESERVE_SHARE;
    return size_bytes <= usable && carved <= usable - size_bytes;
}

/* More is mapped before the reserve is touched, or it would be gone when nothing can be mapped any
 * more. */
static bool may_carve(size_t size_bytes) {
    return memory_mmap_fits(mapped, size_bytes) ||
           (memory_mmap_fits(limit, size_bytes) && memory_mmap_grow(size_bytes) &&
            memory_mmap_fits(mapped, size_bytes));
}

static void *take_or_map_pages(size_t least, size_t most, size_t *size_ret, bool *zeroed_ret) {
    void *pages = take_pages(least, most, size_ret, zeroed_ret);
    if (!pages && memory_mmap_grow(least))
        pages = take_pages(least, most, size_ret, zeroed_ret);
    return pages;
}

/* The size class whose blocks hold `needed` bytes, and the size of its blocks. */
static uint32_t size_class_for(size_t needed, size_t *capacity_ret) {
    size_t low = (size_t)1 << SMALLEST_SHIFT;
    uint32_t size_class = 0;
    if (needed <= low) {
        *capacity_ret = low;
        return 0;
    }
    while (needed > low * 2) {
        low *= 2;
        size_class += STEPS;
    }
    size_t step = low / STEPS < alignof(max_align_t) ? alignof(max_align_t) : low / STEPS;
    size_t steps = (needed - low + step - 1) / step;
    *capacity_ret = low + steps * step;
    return size_class + (uint32_t)steps;
}

static bool memory_mmap_add_chunk(size_t needed) {
    struct chunk fresh;
    fresh.start = take_or_map_pages(needed, CHUNK_BYTES, &fresh.left, &fresh.zeroed);
    if (!fresh.start)
        return false;
    carved += chunk.left;
    chunk = fresh;
    return true;
}

static struct block *memory_mmap_carve(size_t capacity, bool *zeroed_ret) {
    if (!may_carve(capacity) || (chunk.left < capacity && !memory_mmap_add_chunk(capacity)))
        return NULL;
    struct block *block = (struct block *)(void *)chunk.start;
    chunk.start += capacity;
    chunk.left -= capacity;
    carved += capacity;
    *zeroed_ret = chunk.zeroed;
    return block;
}

static struct block *obtain_large(size_t needed, bool *zeroed_ret) {
    size_t capacity = (needed + PAGE_BYTES - 1) / PAGE_BYTES * PAGE_BYTES;
    struct block *block =
        may_carve(capacity) ? take_or_map_pages(capacity, capacity, &capacity, zeroed_ret) : NULL;
    if (!block)
        return NULL;
    carved += capacity;
    block->capacity = capacity;
    return block;
}

/* *zeroed_ret: the block is, but for its head. */
static struct block *obtain_small(size_t needed, bool *zeroed_ret) {
    size_t capacity;
    uint32_t size_class = size_class_for(needed, &capacity);
    struct block *block = unused[size_class];
    *zeroed_ret = false;
    if (block)
        unused[size_class] = block->next_unused;
    else
        block = memory_mmap_carve(capacity, zeroed_ret);
    if (block)
        block->capacity = capacity;
    return block;
}

static struct block *memory_mmap_obtain(size_t size_bytes, bool *zeroed_ret) {
    if (memory_mmap_must_fail() || size_bytes > SIZE_MAX / 2)
        return NULL;
    size_t needed = size_bytes + sizeof(struct block);
    struct block *block = needed > LARGEST_BLOCK ? obtain_large(needed, zeroed_ret)
                                                 : obtain_small(needed, zeroed_ret);
    if (block)
        in_use += block->capacity;
    return block;
}

static void memory_mmap_release(struct block *block) {
    in_use -= block->capacity;
    if (block->capacity > LARGEST_BLOCK) {
        carved -= block->capacity;
        add_span(block, block->capacity, false);
        return;
    }
    size_t capacity;
    uint32_t size_class = size_class_for(block->capacity, &capacity);
    block->next_unused = unused[size_class];
    unused[size_class] = block;
}

void memory_reserve_rest(void) {
    if (lock_is_own(&lock))
        return; /* a signal handler has interrupted this thread here */
    lock_take(&lock);
    for (uint64_t size = growth_left(); size > 0 && !map_pages(size);)
        size = size / 2 / PAGE_BYTES * PAGE_BYTES;
    lock_give(&lock);
}

/* memory.h. */

static void *memory_mmap_allocate(size_t size_bytes, bool zeroed) {
    bool is_zeroed;
    lock_take(&lock);
    struct block *block = memory_mmap_obtain(size_bytes, &is_zeroed);
    lock_give(&lock);
    if (!block)
        return NULL;
    return zeroed && !is_zeroed ? memset(block + 1, 0, size_bytes) : block + 1;
}

void *memory_allocate(size_t size_bytes) {
    return memory_mmap_allocate(size_bytes, false);
}

void *memory_allocate_zeroed(size_t count, size_t size_bytes) {
    size_t total;
    return __builtin_mul_overflow(count, size_bytes, &total) ? NULL
                                                             : memory_mmap_allocate(total, true);
}

void *memory_resize(void *old, size_t count, size_t size_bytes) {
    size_t total;
    if (__builtin_mul_overflow(count, size_bytes, &total))
        return NULL;
    size_t usable = old ? ((struct block *)old - 1)->capacity - sizeof(struct block) : 0;
    if (old && total <= usable)
        return old;
    void *moved = memory_mmap_allocate(total, false);
    if (moved && old) {
        memcpy(moved, old, usable);
        memory_release(old);
    }
    return moved;
}

void memory_release(void *pointer) {
    if (!pointer)
        return;
    lock_take(&lock);
    memory_mmap_release((struct block *)pointer - 1);
    lock_give(&lock);
}

size_t memory_in_use(void) {
    lock_take(&lock);
    size_t result = in_use;
    lock_give(&lock);
    return result;
}

uint64_t memory_fail_after(uint64_t countdown) {
    lock_take(&lock);
    uint64_t left = fail_countdown;
    fail_countdown = countdown;
    lock_give(&lock);
    return left;
}
