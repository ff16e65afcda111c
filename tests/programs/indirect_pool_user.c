/* Calls the functions of indirect_pool.c; with an argument also before the case begins. */
#include <stdlib.h>

void *pool_take(void *pool, size_t size);
void pool_give(void *pool, void *block);
void phase(void);

__attribute__((noinline)) void case_begins(void) {
    __asm__ volatile("" ::: "memory");
}

__attribute__((noinline)) void case_ends(void) {
    __asm__ volatile("" ::: "memory");
}

static void work(void) {
    pool_give(NULL, pool_take(NULL, 60));
    phase();
}

int main(int count, char **arguments) {
    (void)arguments;
    if (count > 1)
        work();
    case_begins();
    work();
    case_ends();
    return 0;
}
