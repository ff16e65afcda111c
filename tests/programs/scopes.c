/* Frees blocks in other activations than those that allocate them, at the same place of the stack.
 */
#include <stdlib.h>

#define APART __attribute__((noinline, noclone))

typedef void *step(void *block);

APART void case_begins(void) {
    __asm__ volatile("");
}
APART void case_ends(void) {
    __asm__ volatile("");
}

APART void *drop(void *block) {
    void *none = NULL;
    free(block);
    __asm__ volatile("" : "+r"(none)); /* so that free isn't called by a jump, and drop may be */
    return none;
}

/* Both are called by the same instruction. */
APART void *make(void *block) {
    (void)block;
    void *made = malloc(16);
    __asm__ volatile("" : "+r"(made));
    return made;
}

/* Its activation ends where drop's begins. */
APART void *hand_on(void *block) {
    (void)block;
    void *made = malloc(32);
    __asm__ volatile("" : "+r"(made));
    return drop(made);
}

APART void *keep(void *block) {
    void *made = malloc(48);
    __asm__ volatile("" : "+r"(made));
    drop(made);
    return block;
}

APART void run(step *const *steps, int count) {
    void *block = NULL;
    for (int i = 0; i < count; i++)
        block = steps[i](block);
}

int main(void) {
    static step *const steps[] = {make, drop, make, drop, hand_on, hand_on, keep, keep};
    case_begins();
    run(steps, sizeof steps / sizeof *steps);
    case_ends();
    return 0;
}
