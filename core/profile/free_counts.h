/* How many temporaries a free stack took, by distance. */
#ifndef TMPALLOC_FREE_COUNTS_H
#define TMPALLOC_FREE_COUNTS_H

#include <stddef.h>
#include <stdint.h>

#include "support/arena.h"

struct free_counts {
    size_t length;          /* beyond it are none */
    uint64_t by_distance[]; /* temporaries */
};

/* All zeros; NULL without memory. */
struct free_counts *free_counts_create(struct arena *storage, size_t length);
/* Makes *sum a new one of both.  Where either is NULL, which is unknown, so is the sum. TMPALLOC_OK
 * or TMPALLOC_E_NOMEM. */
int free_counts_add(struct arena *storage, const struct free_counts *part,
                    const struct free_counts **sum);
/* Temporaries at a threshold. */
uint64_t free_counts_at(const struct free_counts *counts, uint32_t threshold);

#endif
