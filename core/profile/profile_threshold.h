/* What of a view depends on the threshold. */
#ifndef TMPALLOC_PROFILE_THRESHOLD_H
#define TMPALLOC_PROFILE_THRESHOLD_H

#include "profile/profile.h"

/* TMPALLOC_E_ARGUMENT when nothing was recorded at that threshold. */
int profile_check_threshold(uint32_t max_threshold, uint32_t threshold, struct error *error);

/* Fills in, from the sites' counters, what the profile's threshold decides: temporaries, patterns,
 * sums and order.  TMPALLOC_OK or TMPALLOC_E_NOMEM. */
int profile_judge(struct profile *profile);
/* The same of one site, and in that order. */
void profile_judge_site(const struct profile *profile, struct profile_site *site);
void profile_sort_sites(struct profile_site *sites, size_t count);

/* A pattern is seen in so many temporaries of a site at least. */
#define PROFILE_PATTERN_TEMPORARIES 4
/* The pattern of a site with so many temporaries, at whichever threshold that is. */
enum profile_pattern profile_find_pattern(const struct profile_site *site, uint64_t temporaries);

#endif
