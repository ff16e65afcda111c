/* Regular expressions for locations. */
#ifndef TMPALLOC_LOCATION_FILTER_H
#define TMPALLOC_LOCATION_FILTER_H

#include <regex.h>

#include "profile/profile.h"
#include "support/text.h"

/* An extended regular expression for locations, for the caller to free.  TMPALLOC_E_ARGUMENT says
 * what is wrong with it. */
int location_filter_compile(const char *pattern, regex_t *ret, struct error *error);

/* Whether the filter lets this location through, by its short or its full path; NULL does.
 * *scratch is overwritten; true with scratch->failed without memory. */
bool location_matches(const regex_t *filter, const struct symbol *location, struct text *scratch);

#endif
