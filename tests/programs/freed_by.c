/* Blocks of one call site, of which two functions free their parts. */
#include <stdlib.h>

static __attribute__((noinline)) void *make(size_t size) {
    volatile char *block = malloc(size);
    block[0] = 1;
    return (void *)block;
}

static __attribute__((noinline)) void drop(void *block) {
    free(block);
    __asm__ volatile("");
}

static __attribute__((noinline)) void discard(void *block) {
    free(block);
    __asm__ volatile("");
}

static __attribute__((noinline)) void work(int rounds) {
    for (int i = 0; i < rounds; i++) {
        void *older = make(32);
        void *newer = i % 2 ? malloc(48) : NULL;
        void *newest = i % 2 ? malloc(64) : NULL;
        (i % 3 ? drop : discard)(older);
        free(newer);
        free(newest);
    }
}

int main(void) {
    work(9);
    return 0;
}
