/* Hash map from 64-bit keys to 64-bit values (ids or pointers); open addressing. */
#ifndef TMPALLOC_MAP_H
#define TMPALLOC_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct map_slot {
    uint64_t key;
    uint64_t value;
    bool used;
};

struct map {
    struct map_slot *slots;
    size_t capacity; /* a power of two, or 0 */
    size_t count;
};

void map_init(struct map *map);
void map_deinit(struct map *map);
void map_clear(struct map *map);
bool map_get(const struct map *map, uint64_t key, uint64_t *ret);
/* TMPALLOC_OK, or an error, as TMPALLOC_E_NOMEM, with the map as it was. */
int map_put(struct map *map, uint64_t key, uint64_t value);
bool map_remove(struct map *map, uint64_t key);

/* Mixes all bits of x (the finalizer of MurmurHash3, public domain). */
static inline uint64_t map_hash(uint64_t x) {
    x ^= x >> 33;
    x *= 0xff51afd7ed558ccdULL;
    x ^= x >> 33;
    x *= 0xc4ceb9fe1a85ec53ULL;
    return x ^ (x >> 33);
}

#endif
