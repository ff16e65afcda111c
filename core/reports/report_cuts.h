/* Strings that are cut to a width and stay different where they are. */
#ifndef TMPALLOC_REPORT_CUTS_H
#define TMPALLOC_REPORT_CUTS_H

#include "support/text.h"

struct cut {
    const char *whole;
    size_t width;  /* 0: any */
    size_t result; /* its place in the results */
};

/* Cuts each in the middle (width_fit()); where several read the same then, what makes them differ
 * is kept.  Results end with NUL.  TMPALLOC_OK or TMPALLOC_E_NOMEM; in the locale of
 * width_enter_utf8(). */
int cuts_make(struct cut *cuts, size_t count, struct text *results);

#endif
