/* Searching what is sorted. */
#ifndef TMPALLOC_SEARCH_H
#define TMPALLOC_SEARCH_H

#include <stddef.h>
#include <stdint.h>

/* How many of the items are at most `key`, in ascending order of a word that the first of them has
 * at `first`; each takes item_bytes. */
static inline size_t search_up_to(const uint64_t *first, size_t count, size_t item_bytes,
                                  uint64_t key) {
    size_t low = 0, high = count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const void *word = (const char *)first + middle * item_bytes;
        if (*(const uint64_t *)word <= key)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

#endif
