/* Growth chains in a file's JSON, which is not trusted. */
#ifndef TMPALLOC_PROFILE_CHAINS_H
#define TMPALLOC_PROFILE_CHAINS_H

#include <jansson.h>
#include <stdbool.h>

#include "tables/chains.h"

/* False: these can't be the numbers of growth chains. */
bool profile_chains_read(const json_t *object, struct chain_counters *ret);

#endif
