/* Lines that allocate, for stepping over and stopping at. */
#include <stdlib.h>

static int watched;

__attribute__((noinline)) static void *allocate(size_t size) {
    void *block = malloc(size); /* in allocate */
    return block;
}

__attribute__((noinline)) static void temporary(size_t size) {
    free(allocate(size)); /* in temporary */
}

int main(void) {
    for (size_t i = 0; i < 10; i++)
        temporary(i + 1);     /* in main */
    void *block = malloc(50); /* first line */
    free(block);              /* second line */
    watched = 7;              /* third line */
    temporary(watched + 1);
    return watched;
}
