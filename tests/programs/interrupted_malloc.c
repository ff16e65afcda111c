/* A program with an allocator of its own, in the middle of which a signal arrives; the handler
 * allocates, too.  With an argument it jumps out of the handler, so that malloc never returns. */
#include <setjmp.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

__attribute__((noinline)) void case_begins(void) {
    __asm__ volatile("" ::: "memory");
}

__attribute__((noinline)) void case_ends(void) {
    __asm__ volatile("" ::: "memory");
}

static jmp_buf jump;
static volatile int interrupt, leave;
static unsigned char heap[1 << 16];
static size_t used;

__attribute__((noipa)) void *malloc(size_t size) {
    void *block = heap + used;
    used += (size + 15) / 16 * 16;
    if (interrupt) {
        interrupt = 0;
        raise(SIGALRM);
    }
    return block;
}

__attribute__((noipa)) void free(void *block) {
    __asm__ volatile("" : : "r"(block) : "memory");
}

__attribute__((noipa)) void *calloc(size_t count, size_t size) {
    return malloc(count * size);
}

__attribute__((noipa)) void *realloc(void *block, size_t size) {
    return block ? memcpy(malloc(size), block, size) : malloc(size);
}

static void handle(int number) {
    (void)number;
    free(malloc(30));
    if (leave)
        longjmp(jump, 1);
}

__attribute__((noinline)) static void interrupted(void) {
    interrupt = 1;
    if (setjmp(jump) == 0)
        free(malloc(31));
}

__attribute__((noinline)) static void afterwards(void) {
    for (size_t size = 32; size < 36; size++)
        free(malloc(size));
}

int main(int count, char **arguments) {
    const struct sigaction action = {.sa_handler = handle, .sa_flags = SA_NODEFER};
    (void)arguments;
    leave = count > 1;
    sigaction(SIGALRM, &action, NULL);
    case_begins();
    interrupted();
    afterwards();
    case_ends();
    return 0;
}
