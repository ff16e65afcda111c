#include "engines/engine_catches.h"

#include "support/error.h"
#include "support/memory.h"

uint32_t engine_catches_match(struct engine_catches *catches, uint64_t size_bytes,
                              uint64_t distance, uint32_t stack) {
    uint32_t candidates = catch_filters_find(catches->items, catches->active, size_bytes, distance);
    uint32_t matches = candidates & catches->anywhere;
    if (matches != candidates)
        matches |= candidates & catches->decide(catches->arg, stack);
    return catch_filters_count(catches->items, matches);
}

int engine_catches_add(struct engine_catches *catches, const struct engine_caught *caught) {
    if (MEMORY_RESERVE(catches->caught, &catches->caught_capacity, catches->caught_count + 1))
        return TMPALLOC_E_NOMEM;
    catches->caught[catches->caught_count++] = *caught;
    return TMPALLOC_STOP;
}
