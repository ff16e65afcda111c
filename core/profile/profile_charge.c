#include "profile/profile_charge.h"

#include "names/path_names.h"

enum charge_kind profile_kind_at(struct charge *charge, const struct profile_stack *stack,
                                 size_t i) {
    return i < stack->entry_count ? CHARGE_ALLOCATOR : charge_kind(charge, stack->symbols[i]);
}

/* In stacks with Python functions the interpreter's own frames stand for nobody. */
static bool is_chargeable(struct charge *charge, const struct profile_stack *stack, size_t i,
                          enum charge_by by, bool python) {
    const struct symbol *symbol = stack->symbols[i];
    enum charge_kind kind = profile_kind_at(charge, stack, i);
    if (by == CHARGE_BY_INNERMOST)
        return kind > CHARGE_ALLOCATOR;
    if (by == CHARGE_BY_CALLER)
        return python ? symbol->python : kind >= CHARGE_FOREIGN;
    return kind == CHARGE_OWN &&
           !(python && symbol->module && path_names_are_interpreter(symbol->module));
}

/* stack->count: there is none. */
static size_t find_innermost(struct charge *charge, const struct profile_stack *stack,
                             enum charge_by by) {
    bool python = by != CHARGE_BY_INNERMOST && profile_has_python(stack);
    size_t i = 0;
    while (i < stack->count && !is_chargeable(charge, stack, i, by, python))
        i++;
    return i;
}

size_t profile_find_location(struct charge *charge, const struct profile_stack *stack,
                             enum charge_by by) {
    static const enum charge_by rules[] = {CHARGE_BY_OWN, CHARGE_BY_CALLER, CHARGE_BY_INNERMOST};
    size_t rule = 0;
    while (rules[rule] != by)
        rule++;
    for (; rule < sizeof rules / sizeof *rules; rule++) {
        size_t location = find_innermost(charge, stack, rules[rule]);
        if (location < stack->count)
            return location;
    }
    return 0;
}

const struct symbol *profile_find_through(struct charge *charge, const struct profile_stack *stack,
                                          size_t location) {
    if (location == 0 || profile_kind_at(charge, stack, location - 1) <= CHARGE_ALLOCATOR)
        return NULL;
    return stack->symbols[location - 1];
}
