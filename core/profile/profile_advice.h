/* What to do about the temporaries of a site. */
#ifndef TMPALLOC_PROFILE_ADVICE_H
#define TMPALLOC_PROFILE_ADVICE_H

#include "profile/profile.h"

const char *profile_pattern_name(enum profile_pattern pattern); /* "" for PATTERN_NONE */
/* "grows step by step: reserve the final size once"; NULL when there is nothing to advise.  A site
 * frees itself when at least so much of its temporaries have the same scope. */
#define PROFILE_ITSELF_PERCENT 80
const char *profile_pattern_advice(enum profile_pattern pattern, bool frees_itself);
const char *profile_site_advice(const struct profile_site *site);

#endif
