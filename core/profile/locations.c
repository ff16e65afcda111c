#include "profile/locations.h"

#include <string.h>

#include "support/hash.h"
#include "support/map.h"
#include "support/memory.h"
#include "support/text.h"

struct location {
    const struct symbol *symbol;
    uint32_t next; /* with the same hash; LOCATION_NONE at the end */
};

struct locations {
    struct map by_symbol; /* address of a symbol to number; spares most comparisons */
    struct map by_hash;   /* to the number that was added last */
    struct location *items;
    size_t count;
    size_t capacity;
};

int locations_create(struct locations **ret) {
    struct locations *locations = memory_allocate_zeroed(1, sizeof *locations);
    if (!locations)
        return TMPALLOC_E_NOMEM;
    map_init(&locations->by_symbol);
    map_init(&locations->by_hash);
    *ret = locations;
    return TMPALLOC_OK;
}

void locations_destroy(struct locations *locations) {
    if (!locations)
        return;
    map_deinit(&locations->by_symbol);
    map_deinit(&locations->by_hash);
    memory_release(locations->items);
    memory_release(locations);
}

static uint64_t locations_hash_symbol(const struct symbol *symbol) {
    uint64_t hash = hash_string(symbol->line, symbol->function);
    hash = hash_string(hash, symbol->file);
    if (!symbol->file)
        hash = hash_string(hash, symbol->module);
    return symbol->function ? hash : map_hash(hash ^ symbol->offset);
}

static bool same_location(const struct symbol *a, const struct symbol *b) {
    return a->line == b->line && text_same(a->function, b->function) &&
           text_same(a->file, b->file) && (a->file || text_same(a->module, b->module)) &&
           (a->function || a->offset == b->offset);
}

static uint32_t locations_add(struct locations *locations, const struct symbol *symbol,
                              uint64_t hash, uint32_t next) {
    if (MEMORY_RESERVE(locations->items, &locations->capacity, locations->count + 1))
        return LOCATION_NONE;
    uint32_t number = (uint32_t)locations->count;
    if (map_put(&locations->by_hash, hash, number) != 0)
        return LOCATION_NONE;
    locations->items[number] = (struct location){symbol, next};
    locations->count++;
    return number;
}

static uint32_t intern_content(struct locations *locations, const struct symbol *symbol) {
    uint64_t hash = locations_hash_symbol(symbol);
    uint64_t first = LOCATION_NONE;
    map_get(&locations->by_hash, hash, &first);
    for (uint32_t i = (uint32_t)first; i != LOCATION_NONE; i = locations->items[i].next) {
        if (same_location(locations->items[i].symbol, symbol))
            return i;
    }
    return locations_add(locations, symbol, hash, (uint32_t)first);
}

uint32_t locations_intern(struct locations *locations, const struct symbol *symbol) {
    uint64_t known;
    uint64_t key = (uint64_t)(uintptr_t)symbol;
    if (map_get(&locations->by_symbol, key, &known))
        return (uint32_t)known;
    uint32_t number = intern_content(locations, symbol);
    if (number == LOCATION_NONE || map_put(&locations->by_symbol, key, number) != 0)
        return LOCATION_NONE;
    return number;
}

const struct symbol *locations_get(const struct locations *locations, uint32_t number) {
    return locations->items[number].symbol;
}

uint32_t locations_count(const struct locations *locations) {
    return (uint32_t)locations->count;
}
