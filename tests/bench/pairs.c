/* Allocates and frees: pairs COUNT, between begin() and end(). */
#include <stdlib.h>

void *(*malloc_address)(size_t) = malloc;
void (*free_address)(void *) = free;
extern char after_malloc[];
char *return_address = after_malloc;

__attribute__((noinline)) void begin(void)
{
    __asm__ volatile("");
}

__attribute__((noinline)) void end(void)
{
    __asm__ volatile("");
}

__attribute__((noinline, noclone)) static void pair(void)
{
    void *block = malloc(32);
    __asm__ volatile(".globl after_malloc\nafter_malloc:" : "+r"(block));
    free(block);
    __asm__ volatile("");
}

int main(int argc, char **argv)
{
    long count = argc > 1 ? atol(argv[1]) : 1000;
    begin();
    for (long i = 0; i < count; i++)
        pair();
    end();
    return 0;
}
