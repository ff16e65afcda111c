/* The functions of string.h that this library and its compilers call: the program's may be the
 * program's own.  Compilers must not take the loops for what they implement. */
#include <stdint.h>
#include <string.h>
#include <strings.h>

#include "agent/x86_64/code_bytes.h"

#define OWN __attribute__((used))

/* Keeps a loop what it is. */
#define KEEP_LOOP __asm__ volatile("")

static uint64_t word_at(const void *place) {
    uint64_t word;
    __builtin_memcpy(&word, place, sizeof word);
    return word;
}

OWN void *memcpy(void *restrict to, const void *restrict from, size_t size) {
    char *target = to;
    const char *source = from;
    for (; size >= sizeof(uint64_t); size -= sizeof(uint64_t)) {
        uint64_t word = word_at(source);
        __builtin_memcpy(target, &word, sizeof word);
        target += sizeof word;
        source += sizeof word;
        KEEP_LOOP;
    }
    for (; size > 0; size--) {
        *target++ = *source++;
        KEEP_LOOP;
    }
    return to;
}

OWN void *memset(void *to, int byte, size_t size) {
    code_fill(to, byte, size);
    return to;
}

OWN void *memmove(void *to, const void *from, size_t size) {
    if ((uintptr_t)to - (uintptr_t)from >= size)
        return memcpy(to, from, size);
    while (size-- > 0) {
        ((char *)to)[size] = ((const char *)from)[size];
        KEEP_LOOP;
    }
    return to;
}

OWN int memcmp(const void *one, const void *other, size_t size) {
    const unsigned char *a = one, *b = other;
    while (size >= sizeof(uint64_t) && word_at(a) == word_at(b)) {
        a += sizeof(uint64_t);
        b += sizeof(uint64_t);
        size -= sizeof(uint64_t);
        KEEP_LOOP;
    }
    for (; size > 0 && *a == *b; size--, a++, b++)
        KEEP_LOOP;
    return size > 0 ? *a - *b : 0;
}

/* What compilers make of a memcmp() for equality. */
OWN int bcmp(const void *one, const void *other, size_t size) {
    return memcmp(one, other, size);
}

OWN void *memchr(const void *bytes, int byte, size_t size) {
    const unsigned char *at = bytes;
    for (; size > 0 && *at != (unsigned char)byte; size--, at++)
        KEEP_LOOP;
    return size > 0 ? (void *)(uintptr_t)at : NULL;
}

OWN size_t strlen(const char *string) {
    const char *end = string;
    for (; *end; end++)
        KEEP_LOOP;
    return (size_t)(end - string);
}

OWN int strncmp(const char *one, const char *other, size_t size) {
    for (; size > 0 && *one && *one == *other; size--, one++, other++)
        KEEP_LOOP;
    return size > 0 ? (unsigned char)*one - (unsigned char)*other : 0;
}

OWN int strcmp(const char *one, const char *other) {
    return strncmp(one, other, SIZE_MAX);
}

OWN char *strchr(const char *string, int character) {
    for (; *string && *string != (char)character; string++)
        KEEP_LOOP;
    return *string == (char)character ? (char *)(uintptr_t)string : NULL;
}

OWN size_t strspn(const char *string, const char *accepted) {
    const char *end = string;
    while (*end && strchr(accepted, *end))
        end++;
    return (size_t)(end - string);
}

OWN size_t strcspn(const char *string, const char *rejected) {
    const char *end = string;
    while (*end && !strchr(rejected, *end))
        end++;
    return (size_t)(end - string);
}

OWN char *strstr(const char *string, const char *wanted) {
    size_t length = strlen(wanted);
    for (; strncmp(string, wanted, length) != 0; string++) {
        if (!*string)
            return NULL;
    }
    return (char *)(uintptr_t)string;
}

OWN char *strsep(char **words, const char *separators) {
    char *word = *words;
    if (!word)
        return NULL;
    char *end = word + strcspn(word, separators);
    *words = *end ? end + 1 : NULL;
    *end = '\0';
    return word;
}
