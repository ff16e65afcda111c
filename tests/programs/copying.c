/* Copies strings by functions that allocate: the C library's, or an allocator's own. */
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

extern void cfree(void *block) __attribute__((weak));

__attribute__((noinline)) void case_begins(void) {
    __asm__ volatile("");
}

__attribute__((noinline)) void case_ends(void) {
    __asm__ volatile("");
}

static char long_string[1000];

__attribute__((noinline)) void copy_all(void) {
    char buffer[PATH_MAX];
    free(malloc(10));
    free(strdup("eleven and"));
    free(strndup("cut here", 3));
    free(wcsdup(L"wide"));
    free(strdup(long_string));
    free(realpath("/", NULL));
    if (realpath("/", buffer) && !realpath("nowhere/at/all", NULL))
        (cfree ? cfree : free)(malloc(12));
}

int main(void) {
    memset(long_string, 'x', sizeof long_string - 1);
    case_begins();
    copy_all();
    case_ends();
    return 0;
}
