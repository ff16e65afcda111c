/* The call stacks of sites in files of the schema tmpalloc/1. */
#ifndef TMPALLOC_PROFILE_READ_1_H
#define TMPALLOC_PROFILE_READ_1_H

#include "profile/profile_reader.h"

/* The temporaries by distance, of which each has a place. */
int profile_read_1_distances(const struct profile_reader *reader, const json_t *site,
                             const struct site_distance **ret);

/* Stacks, and what was freed within the same call, of a site whose by_distance is there. */
int profile_read_1_frames(struct profile_reader *reader, const json_t *object,
                          struct profile_site *site);

#endif
