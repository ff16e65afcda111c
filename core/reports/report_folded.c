#include "profile/profile_names.h"
#include "reports/report.h"
#include "reports/report_check.h"
#include "reports/report_interned.h"
#include "reports/report_selection.h"
#include "support/memory.h"
#include "support/progress.h"

#define SUPPRESSED "(suppressed)"

int report_folded(const struct profile *profile, struct text *text, struct error *error) {
    int status = TMPALLOC_OK;
    for (size_t i = 0; i < profile->site_count && status == TMPALLOC_OK; i++) {
        const struct profile_site *site = &profile->sites[i];
        status = progress_step("writing", i, profile->site_count, "call sites");
        if (site->count == 0)
            continue;
        profile_append_folded(text, &site->stack);
        text_printf(text, " %llu\n", (unsigned long long)site->bytes);
    }
    if (profile->suppressed.count > 0)
        text_printf(text, SUPPRESSED " %llu\n", (unsigned long long)profile->suppressed.bytes);
    return report_end(status, text, error);
}

/* Bytes of a stack in two results. */
struct folded {
    uint64_t bytes[2];
};

struct folded_stacks {
    struct interned_strings names;
    struct folded *items; /* by number of the name */
    size_t capacity;
};

static int add_folded(struct folded_stacks *stacks, const char *name, uint64_t bytes, int column) {
    size_t before = stacks->names.count;
    uint32_t number;
    if (MEMORY_RESERVE(stacks->items, &stacks->capacity, before + 1) ||
        interned_string(&stacks->names, name, &number) != TMPALLOC_OK)
        return TMPALLOC_E_NOMEM;
    if (stacks->names.count > before)
        stacks->items[number] = (struct folded){{0, 0}};
    stacks->items[number].bytes[column] += bytes;
    return TMPALLOC_OK;
}

static int add_folded_profile(struct folded_stacks *stacks, const struct profile *profile,
                              int column) {
    struct text name;
    int status = TMPALLOC_OK;
    text_init(&name);
    for (size_t i = 0; i < profile->site_count && status == TMPALLOC_OK; i++) {
        const struct profile_site *site = &profile->sites[i];
        status = progress_step("comparing", i, profile->site_count, "call sites");
        if (status != TMPALLOC_OK || site->count == 0)
            continue;
        text_clear(&name);
        profile_append_folded(&name, &site->stack);
        status = name.failed ? TMPALLOC_E_NOMEM
                             : add_folded(stacks, text_get(&name), site->bytes, column);
    }
    text_deinit(&name);
    if (status == TMPALLOC_OK && profile->suppressed.count > 0)
        status = add_folded(stacks, SUPPRESSED, profile->suppressed.bytes, column);
    return status;
}

int report_folded_against(const struct profile *profile, const struct check_limits *limits,
                          struct text *text, struct error *error) {
    struct folded_stacks stacks = {.capacity = 0};
    int status = add_folded_profile(&stacks, limits->baseline, 0);
    if (status == TMPALLOC_OK)
        status = add_folded_profile(&stacks, profile, 1);
    for (size_t i = 0; i < stacks.names.count && status == TMPALLOC_OK; i++) {
        const uint64_t *bytes = stacks.items[i].bytes;
        text_append(text, stacks.names.items[i]);
        text_printf(text, " %llu %llu\n", (unsigned long long)bytes[0],
                    (unsigned long long)bytes[1]);
    }
    interned_strings_release(&stacks.names);
    memory_release(stacks.items);
    return report_end(status, text, error);
}
