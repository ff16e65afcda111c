/* Results that `tmpalloc save` or `tmpalloc report json` wrote, read again; compressed ones, too.
 *
 * A file is not trusted: whatever it holds gives a profile whose reports are safe to make and whose
 * sums fit 63 bits, or one line that says what is wrong with it. */
#ifndef TMPALLOC_PROFILE_LOAD_H
#define TMPALLOC_PROFILE_LOAD_H

#include "profile/profile.h"

/* The results as they were recorded, at the threshold that the file names.  They depend on nothing
 * else.  TMPALLOC_OK; TMPALLOC_E_IO when the file can't be read or holds something else;
 * TMPALLOC_E_NOMEM.  *ret is untouched then. */
int profile_load(const char *path, struct error *error, struct profile **ret);

/* The same from the text of a file; `name` is for messages. */
int profile_parse(const char *text, size_t size_bytes, const char *name, struct error *error,
                  struct profile **ret);

#endif
