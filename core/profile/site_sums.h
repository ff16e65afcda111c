/* Sums of sites, of several runs or of a row that stands for several. */
#ifndef TMPALLOC_SITE_SUMS_H
#define TMPALLOC_SITE_SUMS_H

#include "profile/profile.h"

/* Adds a part's counters, temporaries by distance and threads to the sum, whose lists are kept in
 * `storage` and of which none is there when this is the first part.  TMPALLOC_OK or
 * TMPALLOC_E_NOMEM. */
int site_sums_add(struct arena *storage, uint32_t max_threshold, const struct profile_site *part,
                  struct profile_site *sum);

/* Adds what a scope counts to that of `sum` with the same distance and so many shared frames,
 * whatever freed it; new ones come last, in `storage`.  TMPALLOC_OK or TMPALLOC_E_NOMEM. */
int site_sums_add_scope(struct arena *storage, const struct site_scope *part,
                        uint32_t shared_frames, struct site_scope **sum);

/* Adds what a free stack took to the sum's at `place`; at the end of these it is a new one, of
 * which a fifth is not kept.  TMPALLOC_OK or TMPALLOC_E_NOMEM. */
int site_sums_add_free(struct arena *storage, const struct profile_stack *stack,
                       const struct free_counts *counts, size_t place, struct profile_site *sum);

#endif
