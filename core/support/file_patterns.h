/* Files by the patterns of a shell. */
#ifndef TMPALLOC_FILE_PATTERNS_H
#define TMPALLOC_FILE_PATTERNS_H

#include <glob.h>
#include <stddef.h>

/* The files that match each of the patterns, sorted; a pattern that none matches stands for itself.
 * TMPALLOC_OK or TMPALLOC_E_NOMEM; to be released with file_patterns_release() when it is OK. */
int file_patterns_expand(char *const *patterns, size_t count, glob_t *ret);
void file_patterns_release(glob_t *files);

#endif
