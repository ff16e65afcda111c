/* Two results side by side. */
#ifndef TMPALLOC_REPORT_DIFF_H
#define TMPALLOC_REPORT_DIFF_H

#include "reports/report.h"

/* A table of the pairs of sites (report_pairs.h) whose temporaries differ, at the profiles'
 * threshold, largest difference first.  Of options the rows and the terminal matter; rows that are
 * not shown, and what didn't change, are counted.  TMPALLOC_OK or TMPALLOC_E_NOMEM. */
int report_diff(const struct profile *before, const struct profile *after,
                const struct report_options *options, struct text *text, struct error *error);

#endif
