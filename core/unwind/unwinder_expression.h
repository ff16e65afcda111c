/* DWARF expressions of call frame information. */
#ifndef TMPALLOC_UNWINDER_EXPRESSION_H
#define TMPALLOC_UNWINDER_EXPRESSION_H

#include <elfutils/libdw.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A number in a walk. */
struct walk_value {
    uint64_t bits;
    bool based; /* it is the stack pointer plus something that doesn't depend on it */
};

struct expression {
    const Dwarf_Op *operations;
    size_t count;
};

/* What an expression can look at; each callback returns false when it can't tell. */
struct expression_context {
    void *arg;
    bool (*get_register)(void *arg, uint64_t number, struct walk_value *ret);
    bool (*load)(void *arg, struct walk_value address, struct walk_value *ret);
    /* From now on results hold for this very stack pointer only. */
    bool (*pin)(void *arg);
    struct walk_value cfa;
};

/* False: a value is unknown, or the expression is none that call frame information has. */
bool expression_evaluate(const struct expression *expression,
                         const struct expression_context *context, struct walk_value *ret);

#endif
