/* Distinct source locations: symbols with the same function, file and line are one. */
#ifndef TMPALLOC_LOCATIONS_H
#define TMPALLOC_LOCATIONS_H

#include "names/symbolizer.h"

#define LOCATION_NONE UINT32_MAX

struct locations;

int locations_create(struct locations **ret); /* TMPALLOC_OK or TMPALLOC_E_NOMEM */
void locations_destroy(struct locations *locations);

/* The number of the symbol's location, added when new; LOCATION_NONE without memory.  Numbers count
 * from 0 without gaps.  Without a function the offset in the module counts; only a location without
 * file tells modules apart.  Symbols are referred to, not copied. */
uint32_t locations_intern(struct locations *locations, const struct symbol *symbol);
const struct symbol *locations_get(const struct locations *locations, uint32_t number);
uint32_t locations_count(const struct locations *locations);

#endif
