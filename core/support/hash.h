/* Hashes of what isn't a key of a map itself. */
#ifndef TMPALLOC_HASH_H
#define TMPALLOC_HASH_H

#include <stddef.h>
#include <string.h>

#include "support/map.h"

/* An odd number by which products spread over their upper bits: 2^64 by the golden ratio. */
#define HASH_SPREAD UINT64_C(0x9e3779b97f4a7c15)

/* FNV-1a, continued from another hash; NULL: of nothing. */
static inline uint64_t hash_string(uint64_t hash, const char *string) {
    for (; string && *string; string++)
        hash = (hash ^ (unsigned char)*string) * UINT64_C(0x100000001b3);
    return map_hash(hash + 1);
}

/* The same of bytes, a word at a time. */
static inline uint64_t hash_bytes(uint64_t hash, const void *bytes, size_t count) {
    uint64_t word;
    for (size_t i = 0; i < count; i += sizeof word) {
        word = 0;
        memcpy(&word, (const char *)bytes + i, count - i < sizeof word ? count - i : sizeof word);
        hash = map_hash(hash + word);
    }
    return map_hash(hash + count);
}

#endif
