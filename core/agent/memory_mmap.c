#include "memory_mmap.h"

#include <stdalign.h>
#include <string.h>

#include "../lock.h"
#include "../memory.h"
#include "kernel_memory.h"

#define CHUNK_BYTES   ((size_t)1 << 20)
#define LARGEST_BLOCK ((size_t)64 << 10) /* in a chunk, its head included */

/* Classes of block sizes: four steps to each power of two. */
#define SMALLEST_SHIFT 5
#define STEPS          4
#define CLASS_COUNT    64

struct block {
    alignas(max_align_t) size_t capacity; /* the head included */
    struct block *next_unused;
};

static struct lock lock = LOCK_INIT;
static uint64_t limit = UINT64_MAX;
static uint64_t mapped;
static uint64_t carved; /* bytes of `mapped` that are not to be had any more */
static size_t in_use;
static unsigned char *chunk;
static size_t chunk_left;
static struct block *unused[CLASS_COUNT];
static uint64_t fail_countdown;
static __thread bool reserve_allowed __attribute__((tls_model("initial-exec")));

void memory_set_limit(uint64_t limit_bytes) {
    limit = limit_bytes;
}

uint64_t memory_mapped(void) {
    lock_take(&lock);
    uint64_t result = mapped;
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

static bool must_fail(void) {
    return fail_countdown > 0 && --fail_countdown == 0;
}

static bool may_carve(size_t size_bytes) {
    uint64_t usable = reserve_allowed ? limit : limit - limit / MEMORY_RESERVE_SHARE;
    return size_bytes <= usable && carved <= usable - size_bytes;
}

static void *map_pages(size_t size_bytes) {
    if (size_bytes > limit || mapped > limit - size_bytes)
        return NULL;
    void *pages = kernel_map(size_bytes);
    if (pages)
        mapped += size_bytes;
    return pages;
}

static void unmap_pages(void *pages, size_t size_bytes) {
    kernel_unmap(pages, size_bytes);
    mapped -= size_bytes;
    carved -= size_bytes;
}

/* The class whose blocks hold `needed` bytes, and the size of its blocks. */
static uint32_t class_for(size_t needed, size_t *capacity_ret) {
    size_t low = (size_t)1 << SMALLEST_SHIFT;
    uint32_t class = 0;
    if (needed <= low) {
        *capacity_ret = low;
        return 0;
    }
    while (needed > low * 2) {
        low *= 2;
        class += STEPS;
    }
    size_t step = low / STEPS < alignof(max_align_t) ? alignof(max_align_t) : low / STEPS;
    size_t steps = (needed - low + step - 1) / step;
    *capacity_ret = low + steps * step;
    return class + (uint32_t)steps;
}

/* The last chunk is what the limit leaves. */
static bool add_chunk(size_t needed) {
    uint64_t left = limit > mapped ? (limit - mapped) / KERNEL_PAGE_BYTES * KERNEL_PAGE_BYTES : 0;
    size_t size = left < CHUNK_BYTES ? (size_t)left : CHUNK_BYTES;
    unsigned char *fresh = needed <= size ? map_pages(size) : NULL;
    if (!fresh)
        return false;
    carved += chunk_left;
    chunk = fresh;
    chunk_left = size;
    return true;
}

static struct block *carve(size_t capacity) {
    if (!may_carve(capacity) || (chunk_left < capacity && !add_chunk(capacity)))
        return NULL;
    struct block *block = (struct block *)(void *)chunk;
    chunk += capacity;
    chunk_left -= capacity;
    carved += capacity;
    return block;
}

static struct block *obtain_large(size_t needed) {
    size_t capacity = (needed + KERNEL_PAGE_BYTES - 1) / KERNEL_PAGE_BYTES * KERNEL_PAGE_BYTES;
    struct block *block = may_carve(capacity) ? map_pages(capacity) : NULL;
    if (!block)
        return NULL;
    carved += capacity;
    block->capacity = capacity;
    return block;
}

/* *fresh_ret: the block is zeroed. */
static struct block *obtain_small(size_t needed, bool *fresh_ret) {
    size_t capacity;
    uint32_t class = class_for(needed, &capacity);
    struct block *block = unused[class];
    *fresh_ret = !block;
    if (block)
        unused[class] = block->next_unused;
    else
        block = carve(capacity);
    if (block)
        block->capacity = capacity;
    return block;
}

static struct block *obtain(size_t size_bytes, bool *fresh_ret) {
    *fresh_ret = true;
    if (must_fail() || size_bytes > SIZE_MAX / 2)
        return NULL;
    size_t needed = size_bytes + sizeof(struct block);
    struct block *block =
        needed > LARGEST_BLOCK ? obtain_large(needed) : obtain_small(needed, fresh_ret);
    if (block)
        in_use += block->capacity;
    return block;
}

static void release(struct block *block) {
    in_use -= block->capacity;
    if (block->capacity > LARGEST_BLOCK) {
        unmap_pages(block, block->capacity);
        return;
    }
    size_t capacity;
    uint32_t class = class_for(block->capacity, &capacity);
    block->next_unused = unused[class];
    unused[class] = block;
}

/* memory.h. */

static void *allocate(size_t size_bytes, bool zeroed) {
    bool fresh;
    lock_take(&lock);
    struct block *block = obtain(size_bytes, &fresh);
    lock_give(&lock);
    if (!block)
        return NULL;
    return zeroed && !fresh ? memset(block + 1, 0, size_bytes) : block + 1;
}

void *memory_allocate(size_t size_bytes) {
    return allocate(size_bytes, false);
}

void *memory_allocate_zeroed(size_t count, size_t size_bytes) {
    size_t total;
    return __builtin_mul_overflow(count, size_bytes, &total) ? NULL : allocate(total, true);
}

void *memory_resize(void *old, size_t count, size_t size_bytes) {
    size_t total;
    if (__builtin_mul_overflow(count, size_bytes, &total))
        return NULL;
    size_t usable = old ? ((struct block *)old - 1)->capacity - sizeof(struct block) : 0;
    if (old && total <= usable)
        return old;
    void *moved = allocate(total, false);
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
    release((struct block *)pointer - 1);
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
