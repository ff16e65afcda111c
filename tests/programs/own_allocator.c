/* An executable with an allocator of its own, which its library uses first.  EMPTY_FREE: no jump
 * fits into its free.  LIBRARY: that library. */
#include <stdlib.h>
#include <string.h>

#ifdef LIBRARY

__attribute__((constructor)) static void set_up(void) {
    for (int i = 0; i < 7; i++)
        free(malloc(111));
}

void needed(void) {
}

#else

void needed(void);

#define HEADER_BYTES 16

static _Alignas(16) char heap[1 << 20];
static size_t used;

void *malloc(size_t size) {
    char *block = heap + used;
    used += (HEADER_BYTES + size + 15) & ~(size_t)15;
    if (used > sizeof heap)
        abort();
    memcpy(block, &size, sizeof size);
    return block + HEADER_BYTES;
}

#ifdef EMPTY_FREE
__attribute__((noinline)) void free(void *block) {
    __asm__ volatile("" : : "r"(block));
}
#else
static volatile size_t freed;

void free(void *block) {
    if (block)
        freed = freed + *(size_t *)((char *)block - HEADER_BYTES);
}
#endif

void *calloc(size_t count, size_t size) {
    return memset(malloc(count * size), 0, count * size);
}

void *realloc(void *block, size_t size) {
    char *grown = malloc(size);
    size_t old = block ? *(size_t *)((char *)block - HEADER_BYTES) : 0;
    if (block)
        memcpy(grown, block, old < size ? old : size);
    return grown;
}

__attribute__((noinline)) static void work(void) {
    for (int i = 0; i < 50; i++)
        free(malloc(24));
}

int main(void) {
    needed();
    work();
    return 0;
}

#endif
