/* A pool whose functions compilers copy: into their callers, and with other arguments. */
#include <stdio.h>
#include <stdlib.h>

#define NOINLINE __attribute__((noinline))

struct pool {
    char *bytes;
    size_t used;
};

static volatile int sink;

/* Always of one size, which a copy needn't be told. */
static NOINLINE void *take_fixed(struct pool *pool, size_t size) {
    char *block = pool->bytes + pool->used % 1024;
    pool->used += size;
    __asm__ volatile("" ::: "memory");
    return block;
}

/* The first argument goes, the block is the second. */
static NOINLINE void give(int unused, void *block) {
    sink += block != NULL;
    __asm__ volatile("" ::: "memory");
}

static inline __attribute__((always_inline)) void *take_inlined(struct pool *pool, size_t size) {
    char *block = pool->bytes + 2048 + pool->used % 1024;
    pool->used += size;
    __asm__ volatile("" ::: "memory");
    return block;
}

static NOINLINE int phase(struct pool *pool, int rounds, int unused) {
    for (int i = 0; i < rounds; i++) {
        void *block = take_fixed(pool, 48);
        char *other = malloc((size_t)i + 10);
        other[0] = 1;
        sink += other[0];
        free(other);
        give(1, block);
        give(1, take_inlined(pool, 16));
    }
    return rounds;
}

int main(void) {
    setvbuf(stdout, NULL, _IONBF, 0);
    struct pool pool = {.bytes = malloc(8192)};
    sink = phase(&pool, 20, 7);
    free(malloc(5));
    sink += phase(&pool, 10, 7);
    free(pool.bytes);
    puts("done");
    return 0;
}
