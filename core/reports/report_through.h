/* What the rows of a table call to allocate: the functions that their locations are charged
 * through. */
#ifndef TMPALLOC_REPORT_THROUGH_H
#define TMPALLOC_REPORT_THROUGH_H

#include "support/map.h"
#include "support/text.h"

struct through_item;

/* Starts as zeros. */
struct report_through {
    struct through_item *items;
    size_t count;
    size_t capacity;
    struct map by_name; /* row and function to the number that was added last, counted from 1 */
    struct map by_row;
};

void report_through_release(struct report_through *through);

/* Adds temporaries of a row, to which it came by way of this function, which is referred to.
 * TMPALLOC_OK or TMPALLOC_E_NOMEM. */
int report_through_add(struct report_through *through, uint64_t row, const char *function,
                       uint64_t bytes);
/* Appends " (std::string::append, 2 more)": the one with most bytes.  False: there is none. */
bool report_through_append(const struct report_through *through, uint64_t row, struct text *text);

#endif
