#include "reports/report_selection.h"
#include "profile/profile_names.h"

#define CALLERS_SHOWN 4
#define ROWS_AT_LEAST 10

bool report_has_thread(const struct profile_site *site, const struct report_options *options) {
    int64_t tid = options->tid;
    if (tid == 0)
        return true;
    for (size_t i = 0; i < site->thread_count; i++) {
        if (site->threads[i] == tid)
            return true;
    }
    return false;
}

struct report_amount report_select(const struct profile_site *site,
                                   const struct report_options *options) {
    if (!report_has_thread(site, options))
        return (struct report_amount){0, 0};
    if (options->same_scope)
        return (struct report_amount){site->same_scope, site->same_scope_bytes};
    return (struct report_amount){site->count, site->bytes};
}

static bool has_id(const struct profile_site *site, uint32_t id) {
    size_t i = 0;
    while (i < site->part_count && site->parts[i]->id != id)
        i++;
    return i < site->part_count;
}

int report_find_site(const struct profile *profile, uint32_t id, const struct profile_site **ret,
                     struct error *error) {
    if (profile->site_count == 0)
        return error_set(error, TMPALLOC_E_ARGUMENT, "no site %u: there are no sites", id);
    uint32_t last = 0;
    for (size_t i = 0; i < profile->site_count; i++) {
        const struct profile_site *site = &profile->sites[i];
        if (site->part_count > 0 && site->parts[site->part_count - 1]->id > last)
            last = site->parts[site->part_count - 1]->id;
        if (!has_id(&profile->sites[i], id))
            continue;
        *ret = &profile->sites[i];
        return TMPALLOC_OK;
    }
    if (id > 0 && id <= last)
        return error_set(error, TMPALLOC_E_ARGUMENT, "no site %u: nothing counts there", id);
    return error_set(error, TMPALLOC_E_ARGUMENT, "no site %u: sites are 1 to %u", id, last);
}

/* Of which program nothing was seen, and what it did instead. */
static void append_unseen(const struct profile *profile, struct text *text) {
    text_append(text, "No allocations were seen in ");
    profile_append_printable(text, profile->executable);
    if (profile->executed) {
        text_append(text, ", which went on as ");
        profile_append_printable(text, profile->executed);
        text_append(text, ": that isn't tracked.\n");
    } else if (profile->ending.how == ENDING_EXECED) {
        text_append(text, ", which went on as another program: that isn't tracked.\n");
    } else {
        text_append(text, profile->unfound ? ": no allocator was found in it.\n" : ".\n");
    }
}

void report_nothing(const struct profile *profile, struct text *text) {
    bool over = profile->ending.how == ENDING_EXECED || profile->ending.how == ENDING_EXITED;
    if (profile->totals.allocations == 0 && profile->executable && over) {
        append_unseen(profile, text);
        return;
    }
    if (profile->count == 0) {
        text_printf(text, "No temporary allocations at threshold %u among ", profile->threshold);
        text_append_count(text, profile->totals.allocations);
        text_append(text, profile->totals.allocations == 1 ? " allocation.\n" : " allocations.\n");
        return;
    }
    text_append(text, "No temporary allocations that match; ");
    text_append_count(text, profile->count);
    text_printf(text, " elsewhere at threshold %u", profile->threshold);
    if (profile->suppressed.count > 0)
        text_append(text, ", of which ");
    if (profile->suppressed.count > 0)
        text_append_count(text, profile->suppressed.count);
    text_append(text, profile->suppressed.count > 0 ? " suppressed.\n" : ".\n");
}

size_t report_rows_to_show(const struct report_options *options, size_t count,
                           size_t lines_beside) {
    size_t rows = options->rows;
    if (rows == REPORT_ROWS_FIT) {
        size_t height = options->terminal_rows;
        rows = height > ROWS_AT_LEAST + lines_beside ? height - lines_beside : ROWS_AT_LEAST;
    }
    return rows == 0 || rows > count ? count : rows;
}

void report_append_callers(struct text *text, const struct profile_site *site) {
    profile_append_location(text, profile_location(site));
    size_t shown = site->location + 1 + CALLERS_SHOWN;
    for (size_t i = site->location + 1; i < site->stack.count && i < shown; i++) {
        text_append(text, " < ");
        profile_append_short_name(text, site->stack.symbols[i]);
    }
    if (shown < site->stack.count)
        text_append(text, " < ...");
}

/* No %f: the decimal point must not depend on the locale that a debugger has set. */
void report_append_percent(struct text *text, uint64_t part, uint64_t whole) {
    uint64_t hundredths = 0;
    if (whole > 0)
        hundredths = (uint64_t)(10000.0L * part / whole + 0.5L);
    text_printf(text, "%llu.%02u%%", (unsigned long long)(hundredths / 100),
                (unsigned)(hundredths % 100));
}

void report_append_more(struct text *text, const struct profile *profile, uint64_t count,
                        const char *singular, const char *plural) {
    size_t suppressed = profile->suppressed.locations;
    if (count > 0) {
        text_append_count(text, count);
        text_printf(text, " more %s", count == 1 ? singular : plural);
    }
    if (suppressed > 0)
        text_printf(text, "%s%zu suppressed%s", count > 0 ? ", " : "", suppressed,
                    count > 0         ? ""
                    : suppressed == 1 ? " location"
                                      : " locations");
    if (count == 0 && suppressed == 0)
        text_append(text, "other temporaries");
}

int report_end(int status, const struct text *text, struct error *error) {
    return error_of_status(error,
                           status == TMPALLOC_OK && text->failed ? TMPALLOC_E_NOMEM : status);
}
