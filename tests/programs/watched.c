/* Allocates 24 bytes in one place once in each of five rounds; only in the third they are used. */
#include <stdlib.h>

__attribute__((noinline)) char *make(size_t size) {
    char *volatile made = malloc(size);
    return made;
}

__attribute__((noinline)) void fill(char *block) {
    block[0] = 'a';
}

__attribute__((noinline)) int look(char *block) {
    return block[0];
}

__attribute__((noinline)) void end_round(void) {
    __asm__ volatile("");
}

int main(void) {
    int status = 1;
    for (int i = 0; i < 5; i++) {
        char *block = make(24);
        if (i == 2) {
            fill(block);
            status = look(block) == 'a' ? 3 : 4;
        }
        free(block);
        end_round();
    }
    return status;
}
