/* Does the same heap calls each time between begin_work() and end_work(): 15 allocations of 871
 * bytes in all, 15 frees.
 *
 *     fixed_work            once
 *     fixed_work FILE       again and again until FILE exists
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

static void *volatile block;

__attribute__((noinline)) void begin_work(void) {
    __asm__ volatile("");
}

__attribute__((noinline)) void end_work(void) {
    __asm__ volatile("");
}

__attribute__((noinline, noclone)) static void work(void) {
    for (int i = 0; i < 10; i++) {
        block = malloc(10 + (size_t)i);
        free(block);
    }
    block = calloc(4, 25);
    block = realloc(block, 300);
    free(block);
    void *aligned;
    if (posix_memalign(&aligned, 64, 128) == 0)
        free(aligned);
    block = aligned_alloc(64, 192);
    free(block);
    block = strdup("hello");
    free(block);
}

static void work_once(void) {
    begin_work();
    work();
    end_work();
}

int main(int argc, char **argv) {
    prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY);
    if (argc == 1)
        work_once();
    while (argc > 1 && access(argv[1], F_OK) != 0) {
        work_once();
        usleep(1000);
    }
    puts("ended normally");
    return 7;
}
