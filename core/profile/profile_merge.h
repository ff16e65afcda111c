/* Recorded results of several runs as one. */
#ifndef TMPALLOC_PROFILE_MERGE_H
#define TMPALLOC_PROFILE_MERGE_H

#include "profile/profile.h"

/* Sums results, of which there is at least one: sites with the same functions and lines on their
 * call stacks become one, and thresholds up to the smallest of the largest can be asked.  A single
 * one stays what it is.
 *
 * On success *ret owns what was theirs.  TMPALLOC_E_ARGUMENT when a sum doesn't fit 63 bits, or
 * TMPALLOC_E_NOMEM: they still belong to the caller then. */
int profile_merge(struct profile **profiles, size_t count, struct error *error,
                  struct profile **ret);

#endif
