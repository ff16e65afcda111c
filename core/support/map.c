#include "support/map.h"

#include <string.h>

#include "support/check.h"
#include "support/memory.h"

#define SMALLEST_CAPACITY 16

void map_init(struct map *map) {
    *map = (struct map){0};
}

void map_deinit(struct map *map) {
    memory_release(map->slots);
    map_init(map);
}

void map_clear(struct map *map) {
    if (map->count)
        memset(map->slots, 0, map->capacity * sizeof *map->slots);
    map->count = 0;
}

/* The slot with this key, or the free one where it belongs.  The table is never full. */
static struct map_slot *map_find(const struct map *map, uint64_t key) {
    size_t i = map_hash(key) & (map->capacity - 1);
    while (map->slots[i].used && map->slots[i].key != key)
        i = (i + 1) & (map->capacity - 1);
    return &map->slots[i];
}

bool map_get(const struct map *map, uint64_t key, uint64_t *ret) {
    if (!map->count)
        return false;
    const struct map_slot *slot = map_find(map, key);
    if (slot->used)
        *ret = slot->value;
    return slot->used;
}

static int map_grow(struct map *map) {
    struct map larger = {.capacity = map->capacity ? map->capacity * 2 : SMALLEST_CAPACITY,
                         .count = map->count};
    larger.slots = memory_allocate_zeroed(larger.capacity, sizeof *larger.slots);
    if (!larger.slots)
        return TMPALLOC_E_NOMEM;
    for (size_t i = 0; i < map->capacity; i++) {
        if (map->slots[i].used)
            *map_find(&larger, map->slots[i].key) = map->slots[i];
    }
    memory_release(map->slots);
    *map = larger;
    return TMPALLOC_OK;
}

int map_put(struct map *map, uint64_t key, uint64_t value) {
    int status = CHECK(map->count == 0 || map->count < map->capacity, NULL);
    if (status != TMPALLOC_OK)
        return status;
    struct map_slot *slot = map->capacity ? map_find(map, key) : NULL;
    if (!slot || !slot->used) {
        if ((map->count + 1) * 4 > map->capacity * 3) {
            status = map_grow(map);
            if (status != TMPALLOC_OK)
                return status;
            slot = map_find(map, key);
        }
        map->count++;
    }
    *slot = (struct map_slot){.key = key, .value = value, .used = true};
    return TMPALLOC_OK;
}

/* Moves later entries of the probe sequence back, so that no tombstones are needed. */
static void map_close_gap(struct map *map, size_t gap) {
    size_t mask = map->capacity - 1;
    for (size_t i = (gap + 1) & mask; map->slots[i].used; i = (i + 1) & mask) {
        size_t home = map_hash(map->slots[i].key) & mask;
        if (((i - home) & mask) < ((i - gap) & mask))
            continue;
        map->slots[gap] = map->slots[i];
        gap = i;
    }
    map->slots[gap].used = false;
}

bool map_remove(struct map *map, uint64_t key) {
    if (!map->count)
        return false;
    struct map_slot *slot = map_find(map, key);
    if (!slot->used)
        return false;
    map_close_gap(map, (size_t)(slot - map->slots));
    map->count--;
    return true;
}
