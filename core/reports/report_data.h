/* Results for programs that look at them now, such as IDEs: JSON without a schema version.
 *
 * Values are numbers, strings, objects and arrays of objects; what is unknown or doesn't apply is
 * null or left out.  Percentages are strings with two decimals ("12.34"), sizes are in bytes. */
#ifndef TMPALLOC_REPORT_DATA_H
#define TMPALLOC_REPORT_DATA_H

#include <jansson.h>

#include "reports/report.h"

/* The rows of report_summary(), with the location of each as an object (and the whole stack with
 * by_stack), the totals, and what the rows leave out. */
int report_summary_data(const struct profile *profile, const struct report_options *options,
                        struct text *text, struct error *error);

/* Adds counters as the summary's totals have them; 0 or a failure for value_checked(). */
int report_data_set_totals(json_t *object, const struct snapshot_totals *totals,
                           struct site_distance temporaries);

#endif
