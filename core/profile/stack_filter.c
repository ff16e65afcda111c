#include "profile/stack_filter.h"

#include <string.h>

#include "profile/locations.h"
#include "profile/profile_names.h"
#include "support/memory.h"
#include "support/text.h"

enum decision { UNDECIDED, DIFFERS, MATCHES };

struct stack_filter {
    const regex_t *expressions;
    size_t count;
    struct locations *locations;
    uint8_t *decisions; /* of enum decision, by number of the location */
    size_t capacity;
    struct text scratch;
    bool failed;
};

int stack_filter_create(const regex_t *expressions, size_t count, struct stack_filter **ret) {
    struct stack_filter *filter = memory_allocate_zeroed(1, sizeof *filter);
    if (!filter)
        return TMPALLOC_E_NOMEM;
    if (locations_create(&filter->locations) != TMPALLOC_OK) {
        memory_release(filter);
        return TMPALLOC_E_NOMEM;
    }
    filter->expressions = expressions;
    filter->count = count;
    text_init(&filter->scratch);
    *ret = filter;
    return TMPALLOC_OK;
}

void stack_filter_destroy(struct stack_filter *filter) {
    if (!filter)
        return;
    locations_destroy(filter->locations);
    text_deinit(&filter->scratch);
    memory_release(filter->decisions);
    memory_release(filter);
}

static bool scratch_matches(const struct stack_filter *filter) {
    for (size_t i = 0; i < filter->count; i++) {
        if (regexec(&filter->expressions[i], text_get(&filter->scratch), 0, NULL, 0) == 0)
            return true;
    }
    return false;
}

static enum decision stack_filter_decide(struct stack_filter *filter, const struct symbol *symbol) {
    text_clear(&filter->scratch);
    profile_append_location(&filter->scratch, symbol);
    if (scratch_matches(filter))
        return MATCHES;
    text_clear(&filter->scratch);
    profile_append_frame(&filter->scratch, symbol);
    return scratch_matches(filter) ? MATCHES : DIFFERS;
}

static bool reserve_decisions(struct stack_filter *filter, size_t needed) {
    size_t before = filter->capacity;
    if (MEMORY_RESERVE(filter->decisions, &filter->capacity, needed))
        return false;
    memset(filter->decisions + before, UNDECIDED, filter->capacity - before);
    return true;
}

static bool frame_matches(struct stack_filter *filter, const struct symbol *symbol) {
    uint32_t number = locations_intern(filter->locations, symbol);
    if (number == LOCATION_NONE || !reserve_decisions(filter, (size_t)number + 1)) {
        filter->failed = true;
        return true;
    }
    if (filter->decisions[number] == UNDECIDED)
        filter->decisions[number] = stack_filter_decide(filter, symbol);
    return filter->decisions[number] == MATCHES;
}

bool stack_filter_matches(struct stack_filter *filter, const struct profile_stack *stack) {
    bool matches = !filter->expressions;
    for (size_t i = 0; i < stack->count && !matches; i++)
        matches = frame_matches(filter, stack->symbols[i]);
    return matches;
}

bool stack_filter_failed(const struct stack_filter *filter) {
    return filter->failed || filter->scratch.failed;
}
