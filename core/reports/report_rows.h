/* The rows of the summary: temporaries, or all allocations, by location or by call stack. */
#ifndef TMPALLOC_REPORT_ROWS_H
#define TMPALLOC_REPORT_ROWS_H

#include "profile/labels.h"
#include "profile/locations.h"
#include "profile/stack_filter.h"
#include "reports/report.h"
#include "reports/report_selection.h"
#include "reports/report_through.h"
#include "support/arena.h"

/* One location, or one stack.  Amounts are of what is counted: temporaries, or all allocations. */
struct report_row {
    const struct symbol *location;
    const struct profile_site *site; /* the one with most bytes; NULL: none of its own */
    struct report_amount site_amount;
    struct report_amount own;
    struct chain_counters *chains; /* of all its sites; NULL: there are none */
    uint64_t own_allocations;
    uint64_t own_temporaries;
    uint64_t own_same_scope;
    uint64_t own_known_scope; /* own temporaries of which that is known */
    uint64_t total_bytes;
    uint64_t order;     /* of first sight */
    uint64_t last_site; /* id of the site that was counted last in total_bytes */
    bool filtered_out;  /* stacks that don't match the filter would have made it a row as well */
};

struct report_rows {
    const struct profile *profile;
    const struct report_options *options;
    struct locations *locations;
    struct report_row *items; /* sorted as the options say */
    size_t count;
    size_t capacity;
    struct stack_filter *filter;
    struct arena storage;
    struct labels *labels;         /* their names */
    struct report_through through; /* what they call, by their order */
    size_t candidates;             /* rows that there would be without the filter */
};

/* Refers to profile and options.  TMPALLOC_OK, TMPALLOC_E_NOMEM or TMPALLOC_E_INTERRUPTED; to be
 * released in any case. */
int report_rows_create(const struct profile *profile, const struct report_options *options,
                       struct report_rows *ret);
void report_rows_release(struct report_rows *rows);

/* How many of them are to be shown, the first ones. */
size_t report_rows_shown(const struct report_rows *rows);
/* What percentages are of. */
struct report_amount report_rows_whole(const struct report_rows *rows);
/* That without the first rows. */
struct report_amount report_rows_hidden(const struct report_rows *rows, size_t shown);

/* Whether there is something to advise. */
bool report_row_has_advice(const struct report_row *row);
/* Appends what the lines below the table say of a row, wrapped; returns how many lines these are.
 */
size_t report_rows_append_advice(const struct report_rows *rows, const struct report_row *row,
                                 struct text *text);
/* How many lines there are for advice when so many rows are shown, which must not scroll the first
 * of them off the screen. */
size_t report_rows_advice_lines(const struct report_rows *rows, size_t shown);

#endif
