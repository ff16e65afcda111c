#include "support/arena.h"

#include <stdalign.h>
#include <stdint.h>

#include "support/memory.h"

/* Chunks grow with the arena, so that many small arenas stay small. */
#define SMALLEST_CHUNK ((size_t)2048)
#define LARGEST_CHUNK  ((size_t)256 * 1024)

struct arena_chunk {
    struct arena_chunk *next;
    size_t capacity;
    alignas(max_align_t) char data[];
};

static size_t next_capacity(const struct arena *arena, size_t needed) {
    size_t capacity = arena->chunks ? arena->chunks->capacity * 2 : SMALLEST_CHUNK;
    if (capacity > LARGEST_CHUNK)
        capacity = LARGEST_CHUNK;
    return capacity > needed ? capacity : needed;
}

static int arena_add_chunk(struct arena *arena, size_t needed) {
    size_t capacity = next_capacity(arena, needed);
    struct arena_chunk *chunk = memory_allocate_zeroed(1, sizeof *chunk + capacity);
    if (!chunk)
        return -1;
    *chunk = (struct arena_chunk){.next = arena->chunks, .capacity = capacity};
    arena->chunks = chunk;
    arena->used = 0;
    return 0;
}

void *arena_allocate(struct arena *arena, size_t count, size_t size_bytes) {
    size_t total;
    if (__builtin_mul_overflow(count, size_bytes, &total) || total > SIZE_MAX / 2)
        return NULL;
    total = (total + alignof(max_align_t) - 1) / alignof(max_align_t) * alignof(max_align_t);
    if ((!arena->chunks || total > arena->chunks->capacity - arena->used) &&
        arena_add_chunk(arena, total))
        return NULL;
    void *piece = arena->chunks->data + arena->used;
    arena->used += total;
    return piece;
}

void arena_take(struct arena *arena, struct arena *other) {
    struct arena_chunk **last = &arena->chunks;
    if (!*last)
        arena->used = other->used;
    while (*last)
        last = &(*last)->next;
    *last = other->chunks;
    *other = (struct arena){0};
}

void arena_deinit(struct arena *arena) {
    while (arena->chunks) {
        struct arena_chunk *next = arena->chunks->next;
        memory_release(arena->chunks);
        arena->chunks = next;
    }
    arena->used = 0;
}
