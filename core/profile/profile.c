#include "profile/profile.h"

#include <stdlib.h>

#include "profile/charge.h"
#include "support/memory.h"

void profile_destroy(struct profile *profile) {
    if (!profile)
        return;
    charge_destroy(profile->charge);
    arena_deinit(&profile->storage);
    memory_release(profile);
}

bool profile_has_python(const struct profile_stack *stack) {
    for (size_t i = 0; i < stack->count; i++) {
        if (stack->symbols[i]->python)
            return true;
    }
    return false;
}

const struct symbol *profile_location(const struct profile_site *site) {
    return site->stack.symbols[site->location];
}

static bool is_cut(const struct profile_site *site) {
    bool cut = site->stack.truncated;
    for (size_t i = 0; i < site->free_stack_count; i++)
        cut |= site->free_stacks[i].truncated;
    return cut;
}

bool profile_knows_scope(const struct profile_site *site) {
    bool cut = is_cut(site);
    for (size_t i = 0; i < site->part_count; i++)
        cut |= is_cut(site->parts[i]);
    return !cut;
}

static int compare_ids(const void *left, const void *right) {
    const struct profile_site *a = left, *b = right;
    return (a->id > b->id) - (a->id < b->id);
}

void profile_order_sites(struct profile *profile) {
    if (profile->site_count > 0)
        qsort(profile->sites, profile->site_count, sizeof *profile->sites, compare_ids);
}
