/* Compression. */
#ifndef TMPALLOC_GZIP_H
#define TMPALLOC_GZIP_H

#include <stdint.h>

#include "support/error.h"
#include "support/text.h"

/* Appends the bytes as a gzip file, the same for the same bytes: without name and time.
 * TMPALLOC_OK or TMPALLOC_E_NOMEM. */
int gzip_compress(struct text *text, const struct text *bytes, struct error *error);

/* Whether they begin like a gzip file. */
bool gzip_is_compressed(const struct text *bytes);
/* Appends what a gzip file holds, which is not trusted: at most so many bytes.  `name` is the
 * file's, for messages.  TMPALLOC_OK, TMPALLOC_E_IO or TMPALLOC_E_NOMEM. */
int gzip_expand(struct text *text, const struct text *bytes, uint64_t largest_bytes,
                const char *name, struct error *error);

#endif
