#include <string.h>

#include "profile/profile_advice.h"
#include "profile/profile_names.h"
#include "reports/report.h"
#include "reports/report_selection.h"
#include "support/progress.h"

static const char header[] =
    "id,count,bytes,allocations,allocated_bytes,min_size,max_size,larger,equal,by_realloc,"
    "same_scope,chains,chain_steps,chain_bytes,longest_chain,largest_chain,pattern,function,file,"
    "line,module,stack\r\n";

/* A quoted field, and no formula: spreadsheets evaluate text that starts with one of these. */
static void append_field(struct text *text, const char *string) {
    text_append(text, ",");
    if (!string || !*string)
        return;
    bool formula = strchr("=+-@", *string) != NULL;
    bool quoted = strpbrk(string, ",\"") != NULL;
    if (quoted)
        text_append(text, "\"");
    if (formula)
        text_append(text, "'");
    for (const char *rest = string; *rest;) {
        size_t length = strcspn(rest, "\"");
        text_append_bytes(text, rest, length);
        if (rest[length] == '"')
            text_append(text, "\"\"");
        rest += length + (rest[length] == '"');
    }
    if (quoted)
        text_append(text, "\"");
}

static void append_printable_field(struct text *text, const char *string, struct text *scratch) {
    text_clear(scratch);
    if (string)
        profile_append_printable(scratch, string);
    append_field(text, text_get(scratch));
    text->failed |= scratch->failed;
}

/* Empty fields where there are none. */
static void report_csv_append_chains(struct text *text, const struct chain_counters *chains) {
    if (chains)
        text_printf(text, ",%llu,%llu,%llu,%llu,%llu", (unsigned long long)chains->count,
                    (unsigned long long)chains->steps, (unsigned long long)chains->replaced_bytes,
                    (unsigned long long)chains->longest, (unsigned long long)chains->largest);
    else
        text_append(text, ",,,,,");
}

static void append_numbers(struct text *text, const struct profile_site *site) {
    const uint64_t numbers[] = {site->count,
                                site->bytes,
                                site->counters.allocations,
                                site->counters.allocated_bytes,
                                site->counters.min_size,
                                site->counters.max_size,
                                site->counters.larger,
                                site->counters.equal,
                                site->counters.by_realloc};
    text_printf(text, "%u", site->id);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        text_printf(text, ",%llu", (unsigned long long)numbers[i]);
    text_append(text, ",");
    if (profile_knows_scope(site))
        text_printf(text, "%llu", (unsigned long long)site->same_scope);
    report_csv_append_chains(text, site->chains);
}

static void report_csv_append_location(struct text *text, const struct symbol *symbol,
                                       struct text *scratch) {
    append_printable_field(text, symbol->function, scratch);
    append_printable_field(text, symbol->file, scratch);
    text_append(text, ",");
    if (symbol->line > 0)
        text_printf(text, "%u", symbol->line);
    append_printable_field(text, symbol->module, scratch);
}

static void report_csv_append_site(struct text *text, const struct profile_site *site,
                                   struct text *scratch) {
    append_numbers(text, site);
    append_field(text, profile_pattern_name(site->pattern));
    report_csv_append_location(text, profile_location(site), scratch);
    text_clear(scratch);
    profile_append_folded(scratch, &site->stack);
    append_field(text, text_get(scratch));
    text_append(text, "\r\n");
    text->failed |= scratch->failed;
}

/* What the other rows lack to the totals. */
static void append_suppressed(struct text *text, const struct profile_suppressed *suppressed) {
    if (suppressed->count > 0)
        text_printf(text, ",%llu,%llu,,,,,,,,,,,,,,,(suppressed),,,,\r\n",
                    (unsigned long long)suppressed->count, (unsigned long long)suppressed->bytes);
}

int report_csv(const struct profile *profile, struct text *text, struct error *error) {
    struct text scratch;
    text_init(&scratch);
    text_append(text, header);
    int status = TMPALLOC_OK;
    for (size_t i = 0; i < profile->site_count && status == TMPALLOC_OK; i++) {
        status = progress_step("writing", i, profile->site_count, "call sites");
        report_csv_append_site(text, &profile->sites[i], &scratch);
    }
    append_suppressed(text, &profile->suppressed);
    text_deinit(&scratch);
    return report_end(status, text, error);
}
