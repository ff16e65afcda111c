#include "profile/shown_frames.h"

#include <string.h>

/* What of a stack may be left out. */
struct choice {
    const char *const *interpreters; /* NULL: nothing */
    const struct profile_stack *stack;
    size_t innermost; /* symbols of the innermost physical frame, which is always shown */
};

static struct choice choice_of(const char *const *interpreters, const struct profile_stack *stack) {
    size_t innermost = 1;
    while (innermost < stack->count && stack->symbols[innermost - 1]->inlined)
        innermost++;
    bool leaves_out = interpreters && profile_has_python(stack);
    return (struct choice){leaves_out ? interpreters : NULL, stack, innermost};
}

static bool is_frame_shown(const struct choice *choice, size_t i) {
    const struct symbol *symbol = choice->stack->symbols[i];
    if (!choice->interpreters || !symbol->module || i < choice->innermost)
        return true;
    const char *const *module = choice->interpreters;
    while (*module && symbol->module != *module && strcmp(symbol->module, *module) != 0)
        module++;
    return *module == NULL;
}

size_t shown_frames_choose(const char *const *interpreters, const struct profile_stack *recorded,
                           const struct symbol **symbols) {
    const struct choice choice = choice_of(interpreters, recorded);
    size_t count = 0;
    for (size_t i = 0; i < recorded->count; i++) {
        const struct symbol *symbol = recorded->symbols[i];
        if (is_frame_shown(&choice, i))
            symbols[count++] = symbol;
    }
    return count;
}

size_t shown_frames_place(const char *const *interpreters, const struct profile_stack *recorded,
                          size_t shown) {
    const struct choice choice = choice_of(interpreters, recorded);
    size_t place = 0;
    for (; place + 1 < recorded->count; place++) {
        if (is_frame_shown(&choice, place) && shown-- == 0)
            break;
    }
    return place;
}
