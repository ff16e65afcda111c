/* Counts CPython's allocations by itself, between begin() and end(): the outermost calls through
 * the three tables of pymem.h, which are wrapped as that header says.  Loaded into a Python program
 * by ctypes.  With COUNT_OBJECTS unset nothing is wrapped. */
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct allocator {
    void *context;
    void *(*malloc)(void *context, size_t size);
    void *(*calloc)(void *context, size_t count, size_t size);
    void *(*realloc)(void *context, void *block, size_t size);
    void (*free)(void *context, void *block);
};

void PyMem_GetAllocator(int domain, struct allocator *ret);
void PyMem_SetAllocator(int domain, struct allocator *allocator);

#define DOMAINS 3

static struct allocator before[DOMAINS];
static unsigned long allocations, bytes, frees;
static __thread int depth;

static void allocated(const void *block, size_t size) {
    if (depth > 0 || !block)
        return;
    allocations++;
    bytes += size;
}

static void *count_malloc(void *context, size_t size) {
    const struct allocator *next = context;
    depth++;
    void *block = next->malloc(next->context, size);
    depth--;
    allocated(block, size);
    return block;
}

static void *count_calloc(void *context, size_t count, size_t size) {
    const struct allocator *next = context;
    depth++;
    void *block = next->calloc(next->context, count, size);
    depth--;
    allocated(block, count * size);
    return block;
}

static void *count_realloc(void *context, void *block, size_t size) {
    const struct allocator *next = context;
    depth++;
    void *result = next->realloc(next->context, block, size);
    depth--;
    if (depth == 0 && block && result)
        frees++;
    allocated(result, size);
    return result;
}

static void count_free(void *context, void *block) {
    const struct allocator *next = context;
    frees += depth == 0 && block != NULL;
    depth++;
    next->free(next->context, block);
    depth--;
}

__attribute__((noinline)) void case_begins(void) {
    __asm__ volatile("" ::: "memory");
}

__attribute__((noinline)) void case_ends(void) {
    __asm__ volatile("" ::: "memory");
}

/* The tables when this library was loaded. */
static struct allocator at_first[DOMAINS];

__attribute__((constructor)) static void remember(void) {
    for (int i = 0; i < DOMAINS; i++)
        PyMem_GetAllocator(i, &at_first[i]);
}

int begin(void) {
    for (int i = 0; i < DOMAINS && getenv("COUNT_OBJECTS"); i++) {
        before[i] = at_first[i];
        struct allocator counting = {&before[i], count_malloc, count_calloc, count_realloc,
                                     count_free};
        PyMem_SetAllocator(i, &counting);
    }
    case_begins();
    return 0;
}

int end(void) {
    struct allocator now[DOMAINS];
    case_ends();
    for (int i = 0; i < DOMAINS; i++) {
        if (before[i].malloc)
            PyMem_SetAllocator(i, &before[i]);
        PyMem_GetAllocator(i, &now[i]);
    }
    bool same = memcmp(now, at_first, sizeof now) == 0;
    printf("the tables are %s\n", same ? "as at first" : "others");
    if (before[0].malloc)
        printf("%lu %lu %lu\n", allocations, bytes, frees);
    return 0;
}
