#include "profile/free_counts.h"

#include "tmpalloc/status.h"

struct free_counts *free_counts_create(struct arena *storage, size_t length) {
    struct free_counts *counts =
        arena_allocate(storage, 1, sizeof *counts + length * sizeof counts->by_distance[0]);
    if (counts)
        counts->length = length;
    return counts;
}

int free_counts_add(struct arena *storage, const struct free_counts *part,
                    const struct free_counts **sum) {
    const struct free_counts *before = *sum;
    *sum = NULL;
    if (!part || !before)
        return TMPALLOC_OK;
    size_t length = part->length > before->length ? part->length : before->length;
    struct free_counts *both = free_counts_create(storage, length);
    if (!both)
        return TMPALLOC_E_NOMEM;
    for (size_t i = 0; i < part->length; i++)
        both->by_distance[i] = part->by_distance[i];
    for (size_t i = 0; i < before->length; i++)
        both->by_distance[i] += before->by_distance[i];
    *sum = both;
    return TMPALLOC_OK;
}

uint64_t free_counts_at(const struct free_counts *counts, uint32_t threshold) {
    uint64_t sum = 0;
    for (size_t i = 0; i < counts->length && i <= threshold; i++)
        sum += counts->by_distance[i];
    return sum;
}
