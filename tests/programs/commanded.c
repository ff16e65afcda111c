/* Stops before and after a library comes and goes. */
#include <dlfcn.h>
#include <stdlib.h>

static void allocate(int count) {
    for (int i = 0; i < count; i++) {
        char *volatile block = malloc(100 + i);
        block[0] = 1;
        free(block);
    }
}

__attribute__((noinline)) void first(void) {
    allocate(10);
}

__attribute__((noinline)) void second(void) {
    allocate(20);
}

__attribute__((noinline)) void third(void) {
    allocate(40);
}

int main(void) {
    first();
    void *library = dlopen("libm.so.6", RTLD_NOW);
    second();
    if (library)
        dlclose(library);
    third();
    return 5;
}
