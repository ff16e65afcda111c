/* The library of file_user.c; with ANOTHER a later build of it, in which everything lies elsewhere.
 */
#include <stdlib.h>

#ifdef ANOTHER
int *another(int count);

__attribute__((noinline)) int *another(int count) {
    int *numbers = calloc(count, sizeof(int));
    for (int i = 0; i < count; i++)
        numbers[i] = i * i % 7 + count / 3;
    return realloc(numbers, 2 * count * sizeof(int));
}

static const char filler[9000] = "moves what follows";

const char *read_filler(int i);

const char *read_filler(int i) {
    return &filler[i % 9000];
}
#endif

void library_work(int size);

__attribute__((noinline)) void library_work(int size) {
    char *block = malloc(size);
    __asm__ volatile("" ::"r"(block) : "memory");
    free(block);
}
