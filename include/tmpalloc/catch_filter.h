/* Temporaries to stop at, and the judgement of one, wherever it is seen: by the breakpoint engine,
 * or in the debuggee by the agent. */
#ifndef TMPALLOC_CATCH_FILTER_H
#define TMPALLOC_CATCH_FILTER_H

#include <stdint.h>

struct catch_filter {
    uint64_t min_size;
    uint64_t matches; /* so far */
    uint64_t stop_at; /* the one of them to stop at; 0: each */
    uint32_t max_distance;
    uint32_t reserved;
};

/* Bits of those among `active` that a block fits, whatever its call stack. */
static inline uint32_t catch_filters_find(const struct catch_filter *filters, uint32_t active,
                                          uint64_t size_bytes, uint64_t distance) {
    uint32_t found = 0;
    for (uint32_t left = active; left; left &= left - 1) {
        const struct catch_filter *filter = &filters[__builtin_ctz(left)];
        if (distance <= filter->max_distance && size_bytes >= filter->min_size)
            found |= left & -left;
    }
    return found;
}

/* Counts a match of each of these, by any thread; the bits of those that stop for it. */
static inline uint32_t catch_filters_count(struct catch_filter *filters, uint32_t matches) {
    uint32_t stops = 0;
    for (uint32_t left = matches; left; left &= left - 1) {
        struct catch_filter *filter = &filters[__builtin_ctz(left)];
        uint64_t count = __atomic_add_fetch(&filter->matches, 1, __ATOMIC_RELAXED);
        if (filter->stop_at == 0 || filter->stop_at == count)
            stops |= left & -left;
    }
    return stops;
}

#endif
