/* Functions inlined into each other, three deep, with known lines. */
#include <stdlib.h>

#define INLINE static inline __attribute__((always_inline))

volatile int sink;

INLINE void innermost(int value) {
    sink = value;
}

INLINE void middle(int value) {
    sink = -1;
    innermost(value + 1);
    sink = -2;
}

INLINE void outer(int value) {
    middle(value * 3);
    sink = -3;
}

__attribute__((noinline)) void holder(int value) {
    sink = -4;
    outer(value);
    sink = -5;
}

static __attribute__((noinline)) int hidden(int value) {
    sink = value;
    return value + 1;
}

__attribute__((noinline)) void never_returns(void) {
    sink = 7;
    abort();
}

int exported_function(int value) {
    return hidden(value) + 1;
}

int main(int argc, char **argv) {
    (void)argv;
    holder(argc);
    if (argc > 100)
        never_returns();
    return exported_function(argc);
}
