#include "profile/profile_charge.h"

#include "names/path_names.h"

/* Locations. */

enum charge_kind profile_kind_at(struct charge *charge, const struct profile_stack *stack,
                                 size_t i) {
    return i < stack->entry_count ? CHARGE_ALLOCATOR : charge_kind(charge, stack->symbols[i]);
}

static bool has_python(const struct profile_stack *stack) {
    for (size_t i = 0; i < stack->count; i++) {
        if (stack->symbols[i]->python)
            return true;
    }
    return false;
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
    bool python = by != CHARGE_BY_INNERMOST && has_python(stack);
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

/* Sites. */

/* How many native frames there are from that of a symbol out: of an inlined function it is that of
 * the function that holds it. */
static uint32_t count_frames_out(const struct profile_stack *stack, size_t location) {
    uint32_t count = 0;
    if (stack->frames_out)
        return stack->frames_out[location];
    for (size_t i = location; i < stack->count; i++)
        count += !stack->symbols[i]->inlined && !stack->symbols[i]->python;
    return count;
}

/* A temporary was freed by the location's function, or beneath it, when all frames from the
 * location's out were still the same activations. */
static int sum_scopes(struct profile *profile, struct profile_site *site) {
    uint32_t needed = count_frames_out(&site->stack, site->location);
    struct site_distance *sum =
        arena_allocate(&profile->storage, (size_t)profile->max_threshold + 1, sizeof *sum);
    if (!sum)
        return TMPALLOC_E_NOMEM;
    for (const struct site_scope *scope = site->scopes; scope; scope = scope->next) {
        if (scope->distance > profile->max_threshold || scope->shared_frames < needed)
            continue;
        sum[scope->distance].count += scope->count;
        sum[scope->distance].bytes += scope->bytes;
    }
    site->same_scope_by_distance = sum;
    return TMPALLOC_OK;
}

/* Some files tell it only of the location that they have. */
static int set_location(struct profile *profile, struct profile_site *site, size_t location) {
    bool same = site->location == location;
    site->location = location;
    if (site->has_scopes)
        return sum_scopes(profile, site);
    if (!same)
        site->same_scope_by_distance = NULL;
    return TMPALLOC_OK;
}

int profile_charge(struct profile *profile, const struct charge_source *source, enum charge_by by) {
    int status = charge_create(source, &profile->charge);
    for (size_t i = 0; i < profile->site_count && status == TMPALLOC_OK; i++) {
        struct profile_site *site = &profile->sites[i];
        status =
            set_location(profile, site, profile_find_location(profile->charge, &site->stack, by));
    }
    return status;
}
