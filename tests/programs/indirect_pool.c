/* A pool and a function that works with it, all of them indirect (STT_GNU_IFUNC). */
#include <stdlib.h>

void *pool_take(void *pool, size_t size);
void pool_give(void *pool, void *block);
void phase(void);

static void *take_fast(void *pool, size_t size) {
    (void)pool;
    return malloc(size + 100);
}

static void give_fast(void *pool, void *block) {
    (void)pool;
    free(block);
}

static void run_phase(void) {
    for (size_t size = 10; size <= 50; size += 10)
        pool_give(NULL, pool_take(NULL, size));
}

static void *(*resolve_take(void))(void *, size_t) {
    return take_fast;
}

static void (*resolve_give(void))(void *, void *) {
    return give_fast;
}

static void (*resolve_phase(void))(void) {
    return run_phase;
}

void *pool_take(void *pool, size_t size) __attribute__((ifunc("resolve_take")));
void pool_give(void *pool, void *block) __attribute__((ifunc("resolve_give")));
void phase(void) __attribute__((ifunc("resolve_phase")));
