#include "reports/report_pairs.h"

#include "profile/profile_match.h"
#include "support/memory.h"
#include "support/progress.h"

static int get_pair(struct report_pairs *pairs, struct profile_match *match,
                    const struct profile_site *site, struct report_pair **ret) {
    uint32_t number;
    if (profile_match_stack(match, &site->stack, site->location + 1, &number) != TMPALLOC_OK)
        return TMPALLOC_E_NOMEM;
    if (MEMORY_RESERVE(pairs->items, &pairs->capacity, pairs->count + 1))
        return TMPALLOC_E_NOMEM;
    if (number == pairs->count)
        pairs->items[pairs->count++] = (struct report_pair){.site = site};
    *ret = &pairs->items[number];
    return TMPALLOC_OK;
}

/* The first site of a profile that belongs to a pair is the one with most bytes. */
static int report_pairs_add_sites(struct report_pairs *pairs, struct profile_match *match,
                                  const struct profile *profile, bool after) {
    for (size_t i = 0; i < profile->site_count; i++) {
        const struct profile_site *site = &profile->sites[i];
        struct report_pair *pair;
        if (progress_step("comparing", i, profile->site_count, "call sites") != TMPALLOC_OK)
            return TMPALLOC_E_INTERRUPTED;
        if (site->count == 0)
            continue;
        if (get_pair(pairs, match, site, &pair) != TMPALLOC_OK)
            return TMPALLOC_E_NOMEM;
        struct report_amount *amount = after ? &pair->after : &pair->before;
        if (amount->count == 0)
            pair->site = site;
        amount->count += site->count;
        amount->bytes += site->bytes;
    }
    return TMPALLOC_OK;
}

int report_pairs_init(struct report_pairs *pairs, const struct profile *before,
                      const struct profile *after) {
    struct profile_match *match = NULL;
    *pairs = (struct report_pairs){0};
    int status = profile_match_create(false, &match);
    if (status == TMPALLOC_OK && before)
        status = report_pairs_add_sites(pairs, match, before, false);
    if (status == TMPALLOC_OK)
        status = report_pairs_add_sites(pairs, match, after, true);
    profile_match_destroy(match);
    return status;
}

void report_pairs_deinit(struct report_pairs *pairs) {
    memory_release(pairs->items);
    *pairs = (struct report_pairs){0};
}
