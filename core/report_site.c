#include <string.h>

#include "report_selection.h"
#include "report_source.h"
#include "report_stack.h"
#include "report_table.h"

#define BAR_WIDTH 40

static const struct table_column distance_columns[] = {
    {"Distance", true, 0},
    {"Blocks", true, 0},
    {"Memory", true, 0},
    {"# temporary, . not any more", false, 1},
};

static const char *plural(uint64_t count) {
    return count == 1 ? "" : "s";
}

static void append_title(const struct profile_site *site, struct text *text) {
    text_printf(text, "Site %u: ", site->id);
    profile_append_frame(text, profile_location(site));
    text_append(text, "\n");
}

static void append_temporaries(const struct profile *profile, const struct profile_site *site,
                               struct text *text) {
    text_append(text, "  Temporaries  ");
    text_append_count(text, site->count);
    text_append(text, " of ");
    text_append_count(text, site->counters.allocations);
    text_printf(text, " allocation%s (", plural(site->counters.allocations));
    report_append_percent(text, site->count, site->counters.allocations);
    text_printf(text, ") at threshold %u, ", profile->threshold);
    text_append_size(text, site->bytes);
    text_append(text, " of ");
    text_append_size(text, site->counters.allocated_bytes);
    text_append(text, "\n");
}

static void append_sizes(const struct profile_site *site, struct text *text) {
    text_append(text, "  Sizes        ");
    text_append_size(text, site->counters.min_size);
    if (site->counters.max_size != site->counters.min_size) {
        text_append(text, " to ");
        text_append_size(text, site->counters.max_size);
    }
    text_append(text, "; ");
    text_append_count(text, site->counters.larger);
    text_append(text, " larger than the thread's previous block, ");
    text_append_count(text, site->counters.equal);
    text_append(text, " as large\n");
}

static void append_ends(const struct profile_site *site, struct text *text) {
    text_append(text, "  Freed        ");
    text_append_count(text, site->same_scope);
    text_append(text, " within the same call of ");
    profile_append_name(text, profile_location(site));
    text_append(text, "; ");
    text_append_count(text, site->counters.by_realloc);
    text_append(text, " by realloc\n");
}

static void append_threads(const struct profile_site *site, struct text *text) {
    text_printf(text, "  Thread%s%s", plural(site->thread_count),
                site->thread_count == 1 ? "       " : "      ");
    for (size_t i = 0; i < site->thread_count; i++)
        text_printf(text, "%s%lld", i > 0 ? ", " : "", (long long)site->threads[i]);
    text_append(text, "\n");
}

static void append_pattern(const struct profile_site *site, struct text *text) {
    const char *advice = profile_pattern_advice(site->pattern);
    if (site->pattern != PATTERN_NONE)
        text_printf(text, "  Pattern      %s\n",
                    advice ? advice : profile_pattern_name(site->pattern));
}

static void append_free_stacks(const struct profile_site *site, struct text *text) {
    for (size_t i = 0; i < site->free_stack_count; i++) {
        text_append(text, "\nTemporaries freed at");
        if (site->free_stack_count > 1)
            text_printf(text, " (%zu of %zu recorded stacks)", i + 1, site->free_stack_count);
        text_append(text, "\n");
        report_append_stack(&site->free_stacks[i], SIZE_MAX, text);
    }
}

static void append_bar(struct text *text, char sign, uint64_t count, uint64_t largest) {
    char bar[BAR_WIDTH];
    memset(bar, sign, sizeof bar);
    uint64_t length = (count * BAR_WIDTH + largest - 1) / largest;
    text_append_bytes(text, bar, length);
}

static uint64_t largest_count(const struct profile *profile, const struct profile_site *site) {
    uint64_t largest = 0;
    for (uint32_t i = 0; i <= profile->max_threshold; i++) {
        if (site->by_distance[i].count > largest)
            largest = site->by_distance[i].count;
    }
    return largest;
}

static void add_distances(const struct profile *profile, const struct profile_site *site,
                          uint64_t largest, struct table *table) {
    for (uint32_t i = 0; i <= profile->max_threshold; i++) {
        const struct site_distance *distance = &site->by_distance[i];
        bool temporary = i <= profile->threshold;
        if (distance->count == 0)
            continue;
        table_add_row(table, TABLE_NO_PARENT, temporary ? TABLE_NORMAL : TABLE_FAINT);
        text_printf(table_add_cell(table), "%u", i);
        text_append_count(table_add_cell(table), distance->count);
        text_append_size(table_add_cell(table), distance->bytes);
        append_bar(table_add_cell(table), temporary ? '#' : '.', distance->count, largest);
    }
}

/* All distances that were recorded, also those above the threshold. */
static int append_histogram(const struct profile *profile, const struct profile_site *site,
                            const struct report_options *options, struct text *text) {
    uint64_t largest = largest_count(profile, site);
    if (largest == 0)
        return TMPALLOC_OK;
    struct table *table;
    int status = table_create(distance_columns, sizeof distance_columns / sizeof *distance_columns,
                              options, &table);
    if (status != TMPALLOC_OK)
        return status;
    add_distances(profile, site, largest, table);
    text_append(text, "\n");
    status = table_print(table, text);
    table_destroy(table);
    return status;
}

int report_site(const struct profile *profile, uint32_t id, const struct report_options *options,
                struct text *text, struct error *error) {
    if (profile->site_count == 0)
        return error_set(error, TMPALLOC_E_ARGUMENT, "no site %u: there are no sites", id);
    if (id == 0 || id > profile->site_count)
        return error_set(error, TMPALLOC_E_ARGUMENT, "no site %u: sites are 1 to %zu", id,
                         profile->site_count);
    const struct profile_site *site = &profile->sites[id - 1];
    append_title(site, text);
    append_temporaries(profile, site, text);
    append_sizes(site, text);
    append_ends(site, text);
    append_threads(site, text);
    append_pattern(site, text);
    text_append(text, "\nAllocated at\n");
    report_append_stack(&site->stack, site->location, text);
    append_free_stacks(site, text);
    int status = append_histogram(profile, site, options, text);
    return status != TMPALLOC_OK || text->failed ? error_no_memory(error) : TMPALLOC_OK;
}
