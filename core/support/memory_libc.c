#include "support/memory.h"

#include <malloc.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>

static atomic_size_t in_use;
static atomic_uint_fast64_t fail_countdown;

static bool memory_libc_must_fail(void) {
    if (atomic_load_explicit(&fail_countdown, memory_order_relaxed) == 0)
        return false;
    return atomic_fetch_sub(&fail_countdown, 1) == 1;
}

static void memory_libc_account(size_t released_bytes, size_t obtained_bytes) {
    atomic_fetch_add_explicit(&in_use, obtained_bytes - released_bytes, memory_order_relaxed);
}

void *memory_allocate(size_t size_bytes) {
    return memory_resize(NULL, 1, size_bytes);
}

void *memory_allocate_zeroed(size_t count, size_t size_bytes) {
    if (memory_libc_must_fail())
        return NULL;
    void *block = calloc(count ? count : 1, size_bytes ? size_bytes : 1);
    if (block)
        memory_libc_account(0, malloc_usable_size(block));
    return block;
}

void *memory_resize(void *block, size_t count, size_t size_bytes) {
    size_t total;
    if (__builtin_mul_overflow(count, size_bytes, &total) || memory_libc_must_fail())
        return NULL;
    size_t before = malloc_usable_size(block);
    void *moved = realloc(block, total ? total : 1);
    if (moved)
        memory_libc_account(before, malloc_usable_size(moved));
    return moved;
}

void memory_release(void *block) {
    memory_libc_account(malloc_usable_size(block), 0);
    free(block);
}

size_t memory_in_use(void) {
    return atomic_load_explicit(&in_use, memory_order_relaxed);
}

uint64_t memory_fail_after(uint64_t countdown) {
    return atomic_exchange(&fail_countdown, countdown);
}
