/* Calls of the allocator with a stack pointer that is eight bytes off, as some code generators make
   them, at many depths and in threads: 4 allocations a round, 3 of them freed at once. */
#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#define NOINLINE __attribute__((noinline))

/* Calls f(a, b); the System V ABI wants another push before. */
void *call_misaligned(void *f, size_t a, size_t b);
__asm__(".text\n"
        ".globl call_misaligned\n"
        ".type call_misaligned, @function\n"
        "call_misaligned:\n"
        ".cfi_startproc\n"
        "mov %rdi, %rax\n"
        "mov %rsi, %rdi\n"
        "mov %rdx, %rsi\n"
        "call *%rax\n"
        "ret\n"
        ".cfi_endproc\n"
        ".size call_misaligned, .-call_misaligned\n");

NOINLINE void case_begins(void) {
    __asm__ volatile("" ::: "memory");
}
NOINLINE void case_ends(void) {
    __asm__ volatile("" ::: "memory");
}

NOINLINE static void run_round(size_t size, int depth) {
    char *block = call_misaligned((void *)malloc, size, 0);
    block[0] = 1;
    block = call_misaligned((void *)realloc, (size_t)block, size * 3);
    call_misaligned((void *)free, (size_t)block, 0);
    block = call_misaligned((void *)calloc, 3, size);
    call_misaligned((void *)free, (size_t)block, 0);
    block = call_misaligned((void *)malloc, size, 0);
    if (depth > 0)
        run_round(size + 1, depth - 1);
    __asm__ volatile("" ::"r"(block) : "memory");
}

/* glibc's allocator itself wants to be called in the usual way once in each thread. */
static void *run_thread(void *arg) {
    free(malloc(1));
    run_round(100 + (size_t)(uintptr_t)arg, 5);
    return NULL;
}

int main(void) {
    pthread_t thread;
    case_begins();
    for (int i = 0; i < 30; i++)
        run_round(10 + (size_t)i * 30, i);
    for (int i = 0; i < 3; i++) {
        pthread_create(&thread, NULL, run_thread, (void *)(uintptr_t)i);
        pthread_join(thread, NULL);
    }
    case_ends();
    return 0;
}
