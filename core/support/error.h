/* The one error idiom of the core: a tmpalloc_status code plus one line of text. */
#ifndef TMPALLOC_ERROR_H
#define TMPALLOC_ERROR_H

#include "tmpalloc/status.h"

/* Longest line kept, including the terminating NUL. */
#define ERROR_TEXT_BYTES 1024

struct error {
    char text[ERROR_TEXT_BYTES];
};

/* Stores the line (impersonal, no newline) and returns `status`.  A NULL error is allowed. */
int error_set(struct error *error, int status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* error_set() for memory exhaustion. */
int error_no_memory(struct error *error);

/* error_set() for a status that came without a line: memory is exhausted, or the user wanted the
 * work to end.  TMPALLOC_OK is handed on, TMPALLOC_E_INTERNAL is what no such status is. */
int error_of_status(struct error *error, int status);

#endif
