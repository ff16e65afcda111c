/* Parts of a file's JSON in, parts of a profile out, of every schema that there was.
 *
 * Functions give TMPALLOC_OK, TMPALLOC_E_IO with a line that says what can't be used, or
 * TMPALLOC_E_NOMEM. */
#ifndef TMPALLOC_PROFILE_READ_H
#define TMPALLOC_PROFILE_READ_H

#include "profile/profile_reader.h"

/* Everything in reader->root: schema, thresholds, process, totals. */
int profile_read_root(struct profile_reader *reader);
/* One more numbered frame. */
int profile_read_frame(struct profile_reader *reader, const json_t *item);
/* One more site at the end of profile->sites, which is not part of the profile's storage. */
int profile_read_site(struct profile_reader *reader, const json_t *item);

#endif
