/* Four equal stages, each between stage() and the next. */
#include <stdlib.h>

__attribute__((noinline)) void stage(int number) {
    __asm__ volatile("" : : "r"(number) : "memory");
}

static void *volatile kept;

__attribute__((noinline)) static void keep(void) {
    kept = malloc(100);
}

__attribute__((noinline)) static void drop(void) {
    free(kept);
}

__attribute__((noinline)) static void temporary(void) {
    free(malloc(10));
}

int main(void) {
    stage(0);
    /* Volatile: a first stage with code of its own would have call sites of its own. */
    for (volatile int i = 1; i < 5; i++) {
        if (i > 1)
            drop();
        temporary();
        keep();
        stage(i);
    }
    return 0;
}
