/* Zeroed storage that is released all at once: pieces never move and are never freed alone. */
#ifndef TMPALLOC_ARENA_H
#define TMPALLOC_ARENA_H

#include <stddef.h>

struct arena_chunk;

/* All zeros is an empty arena. */
struct arena {
    struct arena_chunk *chunks; /* the newest first */
    size_t used;                /* bytes of the newest chunk */
};

/* Aligned for any type; NULL without memory. */
void *arena_allocate(struct arena *arena, size_t count, size_t size_bytes);
/* What belongs to `other` belongs to `arena` from now on; `other` is empty. */
void arena_take(struct arena *arena, struct arena *other);
/* Releases everything; the arena is empty again. */
void arena_deinit(struct arena *arena);

#endif
