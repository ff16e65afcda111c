/* The sites of two results that belong together. */
#ifndef TMPALLOC_REPORT_PAIRS_H
#define TMPALLOC_REPORT_PAIRS_H

#include "reports/report_selection.h"

/* Sites with the same functions' names from the location inwards, not lines or addresses, so that a
 * program that was built again compares, also where a caller was renamed. */
struct report_pair {
    const struct profile_site *site; /* the one with most bytes, of those after if there are */
    struct report_amount before;
    struct report_amount after;
};

struct report_pairs {
    struct report_pair *items; /* in the order of first sight, with temporaries in either */
    size_t count;
    size_t capacity;
};

/* `before` NULL: nothing.  TMPALLOC_OK or TMPALLOC_E_NOMEM; to be released in either case. */
int report_pairs_init(struct report_pairs *pairs, const struct profile *before,
                      const struct profile *after);
void report_pairs_deinit(struct report_pairs *pairs);

#endif
