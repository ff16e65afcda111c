/* Symbols that belong to a profile instead of a symbolizer, each distinct one stored once. */
#ifndef TMPALLOC_PROFILE_SYMBOLS_H
#define TMPALLOC_PROFILE_SYMBOLS_H

#include "names/symbolizer.h"
#include "support/arena.h"
#include "support/map.h"

struct profile_symbols {
    struct arena *storage; /* of what is interned; outlives this */
    struct map strings;    /* hash -> the latest struct with it */
    struct map symbols;
};

void profile_symbols_init(struct profile_symbols *symbols, struct arena *storage);
void profile_symbols_deinit(struct profile_symbols *symbols);

/* Both give NULL without memory. */
const char *profile_symbols_string(struct profile_symbols *symbols, const char *string);
/* The symbol's strings are copied. */
const struct symbol *profile_symbols_intern(struct profile_symbols *symbols,
                                            const struct symbol *symbol);

#endif
