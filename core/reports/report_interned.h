/* Numbers for strings and for pairs of numbers, for documents that write each once. */
#ifndef TMPALLOC_REPORT_INTERNED_H
#define TMPALLOC_REPORT_INTERNED_H

#include "support/arena.h"
#include "support/map.h"

/* Starts as zeros.  Numbers count from 0 without gaps. */
struct interned_strings {
    struct arena storage;
    char **items; /* by number */
    size_t count;
    size_t capacity;
    struct map numbers; /* hash to number; after a collision, the next hash */
};

/* The string's number in *ret; it is copied when it is new.  TMPALLOC_OK or TMPALLOC_E_NOMEM. */
int interned_string(struct interned_strings *strings, const char *string, uint32_t *ret);
void interned_strings_release(struct interned_strings *strings);

/* Starts as zeros.  Numbers count from 1 without gaps. */
struct interned_pairs {
    struct map numbers;
    uint32_t count;
};

/* The pair's number in *ret; it is new when that is the count after and not before.  TMPALLOC_OK
 * or TMPALLOC_E_NOMEM. */
int interned_pair(struct interned_pairs *pairs, uint32_t first, uint32_t second, uint32_t *ret);
void interned_pairs_release(struct interned_pairs *pairs);

#endif
