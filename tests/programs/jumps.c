/* leaver() is left by longjmp(), again and again, between case_begins() and case_ends(). */
#include <setjmp.h>
#include <stdlib.h>

__attribute__((noinline)) void case_begins(void) {
    __asm__ volatile("" ::: "memory");
}

__attribute__((noinline)) void case_ends(void) {
    __asm__ volatile("" ::: "memory");
}

static jmp_buf jump;

__attribute__((noinline)) void leaver(size_t size) {
    free(malloc(size));
    longjmp(jump, 1);
}

__attribute__((noinline)) static void outside(size_t size) {
    free(malloc(size));
}

int main(void) {
    case_begins();
    for (volatile size_t i = 0; i < 3; i++) {
        if (setjmp(jump) == 0)
            leaver(50 + i);
        outside(60 + i);
    }
    case_ends();
    return 0;
}
