/* The call stacks of sites in files of the schema tmpalloc/2, and what these refer to by number. */
#ifndef TMPALLOC_PROFILE_READ_2_H
#define TMPALLOC_PROFILE_READ_2_H

#include "profile/profile_reader.h"

/* One more of each. */
int profile_read_2_string(struct profile_reader *reader, const json_t *item);
int profile_read_2_stack(struct profile_reader *reader, const json_t *item);

/* The temporaries by distance, without zeros at the end. */
int profile_read_2_distances(const struct profile_reader *reader, const json_t *site,
                             const struct site_distance **ret);

/* Stacks and scopes of a site whose by_distance is there. */
int profile_read_2_frames(struct profile_reader *reader, const json_t *object,
                          struct profile_site *site);

#endif
