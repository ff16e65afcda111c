/* A text to a file, whole or not at all. */
#ifndef TMPALLOC_FILE_WRITE_H
#define TMPALLOC_FILE_WRITE_H

#include <stdbool.h>

#include "support/error.h"
#include "support/text.h"

/* Writes text beside `path` under an unpredictable name and renames it there, mode 0600 less the
 * umask: the file has either all of the text or its old content.  An existing file is an error
 * unless `force`; what is no regular file is never replaced, except a symbolic link, itself.
 * TMPALLOC_OK, TMPALLOC_E_NOMEM or TMPALLOC_E_IO. */
int file_write_whole(const char *path, bool force, const struct text *text, struct error *error);
/* The same without writing: refuses what is known to fail, for those who have work before. */
int file_write_check(const char *path, bool force, struct error *error);

#endif
