#include "reports/report_findings.h"

#include <ctype.h>
#include <string.h>
#include <unistd.h>

#include "profile/profile_advice.h"
#include "profile/profile_charge.h"
#include "profile/profile_names.h"
#include "reports/report_selection.h"
#include "support/memory.h"

const char *findings_below_root(const struct findings *findings, const char *path) {
    size_t length = strlen(findings->root);
    if (*path != '/')
        return strncmp(path, "../", 3) == 0 ? NULL : path;
    return length > 0 && strncmp(path, findings->root, length) == 0 ? path + length : NULL;
}

bool finding_is_in_file(const struct symbol *symbol) {
    return symbol->file && *symbol->file && *symbol->file != '<';
}

static int rate_frame(const struct findings *findings, const struct profile_stack *stack,
                      size_t i) {
    const struct symbol *symbol = stack->symbols[i];
    if (!finding_is_in_file(symbol))
        return 0;
    if (!findings_below_root(findings, symbol->file))
        return 1;
    return profile_kind_at(findings->profile->charge, stack, i) == CHARGE_OWN ? 3 : 2;
}

static size_t find_shown(const struct findings *findings, const struct profile_site *site) {
    size_t best = site->location;
    int rating = 0;
    for (size_t i = site->location; i < site->stack.count; i++) {
        int other = rate_frame(findings, &site->stack, i);
        if (other > rating) {
            rating = other;
            best = i;
        }
    }
    return best;
}

/* NULL without memory. */
static struct finding *get_finding(struct findings *findings, const struct symbol *symbol) {
    uint32_t number = locations_intern(findings->locations, symbol);
    if (number < findings->count)
        return &findings->items[number];
    if (number == LOCATION_NONE ||
        MEMORY_RESERVE(findings->items, &findings->capacity, findings->count + 1))
        return NULL;
    struct finding *finding = &findings->items[findings->count++];
    *finding = (struct finding){.symbol = symbol};
    return finding;
}

static void count_site(struct finding *finding, const struct profile_site *site) {
    if (!finding->site) /* sites come sorted by bytes */
        finding->site = site;
    finding->count += site->count;
    finding->bytes += site->bytes;
    finding->allocations += site->counters.allocations;
    if (!site->chains)
        return;
    chain_counters_add(&finding->chains, site->chains);
    finding->has_chains = true;
}

static int add_site(struct findings *findings, const struct profile_site *site) {
    size_t shown = find_shown(findings, site);
    struct finding *finding = get_finding(findings, site->stack.symbols[shown]);
    if (!finding)
        return TMPALLOC_E_NOMEM;
    count_site(finding, site);
    const struct symbol *through =
        profile_find_through(findings->profile->charge, &site->stack, shown);
    if (site->count == 0 || !through || !through->function)
        return TMPALLOC_OK;
    return report_through_add(&findings->through, (uint64_t)(finding - findings->items),
                              through->function, site->bytes);
}

static int collect_findings(struct findings *findings) {
    int status = TMPALLOC_OK;
    for (size_t i = 0; i < findings->profile->site_count && status == TMPALLOC_OK; i++)
        status = add_site(findings, &findings->profile->sites[i]);
    return status;
}

static void find_root(struct findings *findings) {
    if (!getcwd(findings->root, sizeof findings->root - 1) || *findings->root != '/')
        *findings->root = '\0';
    else if (findings->root[1])
        strcat(findings->root, "/");
}

int findings_collect(const struct profile *profile, struct findings *ret) {
    *ret = (struct findings){.profile = profile};
    find_root(ret);
    int status = locations_create(&ret->locations);
    return status == TMPALLOC_OK ? collect_findings(ret) : status;
}

void findings_release(struct findings *findings) {
    locations_destroy(findings->locations);
    report_through_release(&findings->through);
    memory_release(findings->items);
}

bool finding_warns(const struct finding *finding) {
    enum profile_pattern pattern = finding->site->pattern;
    return pattern == PATTERN_GROWS || pattern == PATTERN_REPEATS;
}

void findings_append_message(const struct findings *findings, const struct finding *finding,
                             struct text *text) {
    struct text advice;
    text_init(&advice);
    profile_append_location(text, finding->symbol);
    report_through_append(&findings->through, (uint64_t)(finding - findings->items), text);
    text_append(text, ": ");
    text_append_count(text, finding->count);
    text_append(text, finding->count == 1 ? " temporary allocation, " : " temporary allocations, ");
    text_append_size(text, finding->bytes);
    text_append(text, ". ");
    report_append_percent(text, finding->count, finding->allocations);
    text_append(text, " of what is allocated here is freed again almost at once.");
    const struct chain_counters *chains = finding->has_chains ? &finding->chains : NULL;
    if (profile_append_advice(&advice, finding->site, chains) && !advice.failed)
        text_printf(text, " %c%s.", toupper((unsigned char)*advice.data), advice.data + 1);
    text->failed |= advice.failed;
    text_deinit(&advice);
}
