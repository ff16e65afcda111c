/* A whole file as a text. */
#ifndef TMPALLOC_FILE_READ_H
#define TMPALLOC_FILE_READ_H

#include <stdint.h>

#include "support/error.h"
#include "support/text.h"

/* Appends a regular file that is not larger than that.  TMPALLOC_OK, TMPALLOC_E_NOMEM or
 * TMPALLOC_E_IO. */
int file_read_whole(const char *path, uint64_t largest_bytes, struct text *ret,
                    struct error *error);

#endif
