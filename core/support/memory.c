#include "support/memory.h"

#include <string.h>

#include "tmpalloc/status.h"

#define SMALLEST_CAPACITY 8

char *memory_copy_string(const char *string) {
    size_t size = strlen(string) + 1;
    char *copy = memory_allocate(size);
    return copy ? memcpy(copy, string, size) : NULL;
}

int memory_reserve(void *array, size_t *capacity, size_t needed, size_t element_bytes) {
    if (needed <= *capacity)
        return TMPALLOC_OK;
    size_t larger = *capacity ? *capacity : SMALLEST_CAPACITY;
    while (larger < needed) {
        if (__builtin_mul_overflow(larger, 2, &larger))
            return TMPALLOC_E_NOMEM;
    }
    void *items;
    memcpy(&items, array, sizeof items);
    void *moved = memory_resize(items, larger, element_bytes);
    if (!moved)
        return TMPALLOC_E_NOMEM;
    memcpy(array, &moved, sizeof moved);
    *capacity = larger;
    return TMPALLOC_OK;
}
