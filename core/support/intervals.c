#include "support/intervals.h"

#include <stdlib.h>

#include "support/memory.h"
#include "support/search.h"
#include "tmpalloc/status.h"

void intervals_deinit(struct intervals *intervals) {
    memory_release(intervals->items);
    *intervals = (struct intervals){0};
}

int intervals_add(struct intervals *intervals, uint64_t start, uint64_t end, uint64_t value,
                  uint64_t rank) {
    if (start >= end)
        return TMPALLOC_OK;
    if (MEMORY_RESERVE(intervals->items, &intervals->capacity, intervals->count + 1))
        return TMPALLOC_E_NOMEM;
    intervals->items[intervals->count++] =
        (struct interval){.start = start, .end = end, .value = value, .rank = rank};
    return TMPALLOC_OK;
}

static int intervals_descending(uint64_t one, uint64_t other) {
    return (one < other) - (one > other);
}

/* Inner ranges come after outer ones, and better ranks after worse ones. */
static int intervals_compare(const void *left, const void *right) {
    const struct interval *one = left;
    const struct interval *other = right;
    if (one->start != other->start)
        return -intervals_descending(one->start, other->start);
    if (one->end != other->end)
        return intervals_descending(one->end, other->end);
    if (one->rank != other->rank)
        return intervals_descending(one->rank, other->rank);
    return intervals_descending(one->value, other->value);
}

void intervals_sort(struct intervals *intervals) {
    if (intervals->count)
        qsort(intervals->items, intervals->count, sizeof *intervals->items, intervals_compare);
    uint64_t reach = 0;
    for (size_t i = 0; i < intervals->count; i++) {
        if (intervals->items[i].end > reach)
            reach = intervals->items[i].end;
        intervals->items[i].reach = reach;
    }
}

const struct interval *intervals_covering(const struct intervals *intervals, uint64_t address) {
    const struct interval *items = intervals->items;
    size_t below = intervals->count
                       ? search_up_to(&items->start, intervals->count, sizeof *items, address)
                       : 0;
    for (size_t i = below; i > 0; i--) {
        const struct interval *interval = &items[i - 1];
        if (interval->reach <= address)
            return NULL;
        if (interval->end > address)
            return interval;
    }
    return NULL;
}
