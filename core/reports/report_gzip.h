/* Compression. */
#ifndef TMPALLOC_REPORT_GZIP_H
#define TMPALLOC_REPORT_GZIP_H

#include "support/error.h"
#include "support/text.h"

/* Appends the bytes as a gzip file, the same for the same bytes: without name and time.
 * TMPALLOC_OK or TMPALLOC_E_NOMEM. */
int report_gzip(struct text *text, const struct text *bytes, struct error *error);

#endif
