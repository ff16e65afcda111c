/* Allocates by direct calls, by other functions and by a pointer: 67 temporaries, 1,871 bytes. With
 * an argument all is called once before; with a second one it tells so and waits for a line. */
#include <stdio.h>
#include <stdlib.h>

__attribute__((noinline)) void case_begins(void) {
    __asm__ volatile("" ::: "memory");
}

__attribute__((noinline)) void case_ends(void) {
    __asm__ volatile("" ::: "memory");
}

static void *(*volatile take)(size_t) = malloc;

__attribute__((noinline)) static void work(void) {
    for (int i = 0; i < 50; i++)
        free(malloc(24));
    for (int i = 0; i < 10; i++)
        free(calloc(3, 11));
    for (int i = 0; i < 5; i++)
        free(take(44));
    free(realloc(malloc(55), 66));
}

static void wait_for_a_line(void) {
    static char buffer[8];
    setvbuf(stdin, buffer, _IOFBF, sizeof buffer);
    setvbuf(stdout, NULL, _IONBF, 0);
    puts("ready");
    getchar();
}

int main(int count, char **arguments) {
    (void)arguments;
    if (count > 1)
        work();
    if (count > 2)
        wait_for_a_line();
    case_begins();
    work();
    case_ends();
    return 0;
}
