/* Address ranges with a value each, for finding the innermost one that covers an address. */
#ifndef TMPALLOC_INTERVALS_H
#define TMPALLOC_INTERVALS_H

#include <stddef.h>
#include <stdint.h>

struct interval {
    uint64_t start;
    uint64_t end;   /* behind the last address */
    uint64_t reach; /* greatest end up to here, in order */
    uint64_t value;
    uint64_t rank; /* of equal ranges the one with the smallest rank is found */
};

/* All zeros is an empty table. */
struct intervals {
    struct interval *items;
    size_t count;
    size_t capacity;
};

void intervals_deinit(struct intervals *intervals);
/* Empty ranges are left out.  TMPALLOC_OK or TMPALLOC_E_NOMEM with the table as it was. */
int intervals_add(struct intervals *intervals, uint64_t start, uint64_t end, uint64_t value,
                  uint64_t rank);
/* To be called after the last addition and before the first search. */
void intervals_sort(struct intervals *intervals);
/* The covering interval that starts last; NULL: none covers the address. */
const struct interval *intervals_covering(const struct intervals *intervals, uint64_t address);

#endif
