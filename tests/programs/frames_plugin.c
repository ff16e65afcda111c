/* A library for frames.c. */
#include <stdlib.h>

#define NOINLINE __attribute__((noinline, noclone))

static NOINLINE int plugin_pair(int size) {
    volatile char *block = malloc((size_t)size);
    block[0] = 1;
    int total = block[0];
    free((void *)block);
    return total;
}

NOINLINE int plugin_work(int rounds) {
    int total = 0;
    for (int i = 0; i < rounds; i++)
        total += plugin_pair(500 + i);
    return total;
}
