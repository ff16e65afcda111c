#include "profile/profile.h"

#include "profile/charge.h"
#include "support/memory.h"

void profile_destroy(struct profile *profile) {
    if (!profile)
        return;
    charge_destroy(profile->charge);
    arena_deinit(&profile->storage);
    memory_release(profile);
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
