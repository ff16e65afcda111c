#include "engines/engine_catches.h"

#include "support/error.h"
#include "support/memory.h"

static uint32_t lowest_bit(uint32_t bits) {
    return bits & -bits;
}

static uint32_t find_candidates(const struct engine_catches *catches, uint64_t size_bytes,
                                uint64_t distance) {
    uint32_t found = 0;
    for (uint32_t left = catches->active; left; left &= left - 1) {
        const struct engine_catch *catch = &catches->items[__builtin_ctz(left)];
        if (distance <= catch->max_distance && size_bytes >= catch->min_size)
            found |= lowest_bit(left);
    }
    return found;
}

uint32_t engine_catches_match(struct engine_catches *catches, uint64_t size_bytes,
                              uint64_t distance, uint32_t stack) {
    uint32_t candidates = find_candidates(catches, size_bytes, distance), stops = 0;
    uint32_t matches = candidates & catches->anywhere;
    if (matches != candidates)
        matches |= candidates & catches->decide(catches->arg, stack);
    for (uint32_t left = matches; left; left &= left - 1) {
        struct engine_catch *catch = &catches->items[__builtin_ctz(left)];
        catch->matches++;
        if (catch->stop_at == 0 || catch->stop_at == catch->matches)
            stops |= lowest_bit(left);
    }
    return stops;
}

int engine_catches_add(struct engine_catches *catches, const struct engine_caught *caught) {
    if (memory_reserve((void **)&catches->caught, &catches->caught_capacity,
                       catches->caught_count + 1, sizeof(*catches->caught)) != 0)
        return TMPALLOC_E_NOMEM;
    catches->caught[catches->caught_count++] = *caught;
    return TMPALLOC_STOP;
}
