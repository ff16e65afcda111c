/* Allocates and frees a block N times between begin() and end(), for each N among its arguments. */
#include <stdlib.h>

void *(*malloc_address)(size_t) = malloc;
void (*free_address)(void *) = free;
extern char after_malloc[];
char *return_address = after_malloc;

__attribute__((noinline)) void begin(void) {
    __asm__ volatile("");
}

__attribute__((noinline)) void end(void) {
    __asm__ volatile("");
}

__attribute__((noinline, noclone)) static void pair(void) {
    void *block = malloc(32);
    __asm__ volatile(".globl after_malloc\nafter_malloc:" : "+r"(block));
    free(block);
    __asm__ volatile("");
}

int main(int argc, char **argv) {
    for (int i = 1; i < argc; i++) {
        long count = atol(argv[i]);
        begin();
        for (long n = 0; n < count; n++)
            pair();
        end();
    }
    return 0;
}
