/* Locations that reports are to leave out, from a file.
 *
 * A line holds an extended regular expression for locations ("foo at foo.c:4", with or without the
 * file's full path) and, after a `#` at its beginning or behind a blank, the reason.  Blank lines
 * mean nothing. */
#ifndef TMPALLOC_PROFILE_SUPPRESS_H
#define TMPALLOC_PROFILE_SUPPRESS_H

#include "profile/profile.h"

struct suppressions;

/* TMPALLOC_OK; TMPALLOC_E_IO when the file can't be read; TMPALLOC_E_ARGUMENT names the line whose
 * expression doesn't compile; TMPALLOC_E_NOMEM.  *ret is untouched then. */
int suppressions_read(const char *path, struct error *error, struct suppressions **ret);
void suppressions_destroy(struct suppressions *suppressions); /* NULL is allowed */

/* Takes matching sites out of the profile, whose totals stay.  NULL takes none.  Ids of the others
 * stay, too.  TMPALLOC_OK; TMPALLOC_E_NOMEM or TMPALLOC_E_INTERRUPTED with an error. */
int profile_suppress(struct profile *profile, const struct suppressions *suppressions,
                     struct error *error);

/* What was taken out as one site, for formats whose sites are to add up to the totals: at a
 * location "(suppressed)", with nothing but its temporaries.  False: nothing was. */
bool profile_suppressed_site(const struct profile *profile, struct profile_site *ret);

#endif
