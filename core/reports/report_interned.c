#include "reports/report_interned.h"

#include <string.h>

#include "support/hash.h"
#include "support/memory.h"
#include "tmpalloc/status.h"

static int add_string(struct interned_strings *strings, const char *string) {
    size_t size = strlen(string) + 1;
    if (MEMORY_RESERVE(strings->items, &strings->capacity, strings->count + 1))
        return TMPALLOC_E_NOMEM;
    char *copy = arena_allocate(&strings->storage, size, 1);
    if (!copy)
        return TMPALLOC_E_NOMEM;
    strings->items[strings->count++] = memcpy(copy, string, size);
    return TMPALLOC_OK;
}

int interned_string(struct interned_strings *strings, const char *string, uint32_t *ret) {
    uint64_t number, hash = hash_string(0, string);
    for (; map_get(&strings->numbers, hash, &number); hash++) {
        if (strcmp(strings->items[number], string) != 0)
            continue;
        *ret = (uint32_t)number;
        return TMPALLOC_OK;
    }
    number = strings->count;
    if (map_put(&strings->numbers, hash, number) != TMPALLOC_OK)
        return TMPALLOC_E_NOMEM;
    int status = add_string(strings, string);
    if (status == TMPALLOC_OK)
        *ret = (uint32_t)number;
    else
        map_remove(&strings->numbers, hash);
    return status;
}

void interned_strings_release(struct interned_strings *strings) {
    memory_release(strings->items);
    map_deinit(&strings->numbers);
    arena_deinit(&strings->storage);
    *strings = (struct interned_strings){0};
}

int interned_pair(struct interned_pairs *pairs, uint32_t first, uint32_t second, uint32_t *ret) {
    uint64_t key = (uint64_t)first << 32 | second, number;
    if (map_get(&pairs->numbers, key, &number)) {
        *ret = (uint32_t)number;
        return TMPALLOC_OK;
    }
    if (map_put(&pairs->numbers, key, pairs->count + 1) != TMPALLOC_OK)
        return TMPALLOC_E_NOMEM;
    *ret = ++pairs->count;
    return TMPALLOC_OK;
}

void interned_pairs_release(struct interned_pairs *pairs) {
    map_deinit(&pairs->numbers);
    *pairs = (struct interned_pairs){0};
}
