#include <string.h>

#include "profile/profile_advice.h"
#include "profile/profile_names.h"
#include "reports/report_selection.h"
#include "reports/report_source.h"
#include "reports/report_stack.h"
#include "reports/report_table.h"
#include "reports/report_width.h"

#define BAR_WIDTH       40
#define BAR_LEAST       10
#define BESIDE_BAR      34  /* columns for the other cells */
#define TWO_STACKS_WIDE 140 /* columns from which on stacks stand side by side */

static const struct table_column distance_columns[] = {
    {"Distance", true, 0},
    {"Blocks", true, 0},
    {"Memory", true, 0},
    {"# temporary, . not any more", false, 1},
};

static const struct table_column stack_columns[] = {
    {"Allocated at", false, 0},
    {"Temporaries freed at", false, 0},
};

static void report_site_append_title(const struct profile_site *site, struct text *text) {
    text_printf(text, "Site %u: ", site->id);
    profile_append_frame(text, profile_location(site));
    text_append(text, "\n");
}

static void report_site_append_temporaries(const struct profile *profile,
                                           const struct profile_site *site, struct text *text) {
    text_append(text, "  Temporaries  ");
    text_append_count(text, site->count);
    text_append(text, " of ");
    text_append_count(text, site->counters.allocations);
    text_printf(text, " allocation%s (", text_plural(site->counters.allocations));
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

static void append_final_sizes(const struct chain_counters *chains, struct text *text) {
    const char *separator = "; ";
    for (uint32_t k = 0; k < CHAIN_SIZES; k++) {
        if (chains->final_sizes[k] == 0 || chains->final_sizes[k] == chains->count)
            continue;
        text_append(text, separator);
        text_append_count(text, chains->final_sizes[k]);
        text_append(text, " to at most ");
        text_append_size(text, k < 64 ? UINT64_C(1) << k : UINT64_MAX);
        separator = ", ";
    }
}

static void report_site_append_chains(const struct profile_site *site, struct text *text) {
    const struct chain_counters *chains = site->chains;
    if (!chains)
        return;
    text_append(text, "  Grown        ");
    text_append_count(text, chains->count);
    text_printf(text, " buffer%s, ", text_plural(chains->count));
    text_append_count(text, chains->steps);
    text_printf(text, " time%s, at most ", text_plural(chains->steps));
    text_append_count(text, chains->longest);
    text_append(text, " each, the largest to ");
    text_append_count(text, chains->largest);
    text_append(text, "B; ");
    text_append_size(text, chains->replaced_bytes);
    text_append(text, " replaced");
    append_final_sizes(chains, text);
    text_append(text, "\n");
}

static void append_ends(const struct profile_site *site, struct text *text) {
    text_append(text, "  Freed        ");
    if (profile_knows_scope(site))
        text_append_count(text, site->same_scope);
    else
        text_append(text, "an unknown number (stacks were cut)");
    text_append(text, " within the same call of ");
    profile_append_name(text, profile_location(site));
    text_append(text, "; ");
    text_append_count(text, site->counters.by_realloc);
    text_append(text, " by realloc\n");
}

static void report_site_append_threads(const struct profile_site *site, struct text *text) {
    text_printf(text, "  Thread%s%s", text_plural(site->thread_count),
                site->thread_count == 1 ? "       " : "      ");
    for (size_t i = 0; i < site->thread_count; i++)
        text_printf(text, "%s%lld", i > 0 ? ", " : "", (long long)site->threads[i]);
    text_append(text, "\n");
}

static void append_pattern(const struct profile_site *site, struct text *text) {
    profile_append_advice_between(text, "  Pattern      ", site, "\n");
}

/* " (2 of 3 recorded stacks: 5 of 20)", as far as there is something to say. */
static void append_free_share(const struct profile *profile, const struct profile_site *site,
                              size_t number, struct text *text) {
    const struct free_counts *counts = site->free_counts[number];
    bool several = site->free_stack_count > 1;
    uint64_t taken = counts ? free_counts_at(counts, profile->threshold) : site->count;
    if (several)
        text_printf(text, " (%zu of %zu recorded stacks", number + 1, site->free_stack_count);
    if (counts && (several || taken < site->count)) {
        text_append(text, several ? ": " : " (");
        text_append_count(text, taken);
        text_append(text, " of ");
        text_append_count(text, site->count);
    }
    text_append(text, several || taken < site->count ? ")\n" : "\n");
}

static void append_free_stack(const struct profile *profile, const struct profile_site *site,
                              size_t number, struct text *text) {
    append_free_share(profile, site, number, text);
    report_append_stack(&site->free_stacks[number], SIZE_MAX, text);
}

static void report_site_append_stacks(const struct profile *profile,
                                      const struct profile_site *site, struct text *text) {
    text_append(text, "\nAllocated at\n");
    report_append_stack(&site->stack, site->location, text);
    for (size_t i = 0; i < site->free_stack_count; i++) {
        text_append(text, "\nTemporaries freed at");
        append_free_stack(profile, site, i, text);
    }
}

/* Moves *lines beyond its first line. */
static void report_site_add_line(struct table *table, const char **lines, size_t width) {
    struct text *cell = table_add_cell(table);
    struct text line;
    size_t length = strcspn(*lines, "\n");
    text_init(&line);
    text_append_bytes(&line, *lines, length);
    locale_t utf8;
    locale_t before = width_enter_utf8(&utf8);
    width_fit(cell, text_get(&line), width);
    width_leave_utf8(utf8, before);
    cell->failed |= line.failed;
    text_deinit(&line);
    *lines += length + ((*lines)[length] == '\n');
}

static int print_side_by_side(const char *left, const char *right,
                              const struct report_options *options, struct text *text) {
    struct table *table;
    size_t width = options->columns / 2 - 1;
    int status =
        table_create(stack_columns, sizeof stack_columns / sizeof *stack_columns, options, &table);
    if (status != TMPALLOC_OK)
        return status;
    while (*left || *right) {
        table_add_row(table, TABLE_NO_PARENT, TABLE_NORMAL);
        report_site_add_line(table, &left, width);
        report_site_add_line(table, &right, width);
    }
    text_append(text, "\n");
    status = table_print(table, text);
    table_destroy(table);
    return status;
}

static int append_stacks_side_by_side(const struct profile *profile,
                                      const struct profile_site *site,
                                      const struct report_options *options, struct text *text) {
    struct text left, right;
    text_init(&left);
    text_init(&right);
    report_append_stack(&site->stack, site->location, &left);
    if (site->free_stack_count == 1)
        report_append_stack(&site->free_stacks[0], SIZE_MAX, &right);
    for (size_t i = 0; i < site->free_stack_count && site->free_stack_count > 1; i++)
        append_free_stack(profile, site, i, &right);
    int status = left.failed || right.failed
                     ? TMPALLOC_E_NOMEM
                     : print_side_by_side(text_get(&left), text_get(&right), options, text);
    text_deinit(&left);
    text_deinit(&right);
    return status;
}

static size_t bar_width(const struct report_options *options) {
    size_t columns = options->columns;
    if (columns == 0 || columns >= BAR_WIDTH + BESIDE_BAR)
        return BAR_WIDTH;
    return columns > BAR_LEAST + BESIDE_BAR ? columns - BESIDE_BAR : BAR_LEAST;
}

static void append_bar(struct text *text, char sign, uint64_t count, uint64_t largest,
                       size_t width) {
    char bar[BAR_WIDTH];
    memset(bar, sign, sizeof bar);
    uint64_t length = (count * width + largest - 1) / largest;
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

static void report_site_add_distances(const struct profile *profile,
                                      const struct profile_site *site, uint64_t largest,
                                      size_t width, struct table *table) {
    for (uint32_t i = 0; i <= profile->max_threshold; i++) {
        const struct site_distance *distance = &site->by_distance[i];
        bool temporary = i <= profile->threshold;
        if (distance->count == 0)
            continue;
        table_add_row(table, TABLE_NO_PARENT, temporary ? TABLE_NORMAL : TABLE_FAINT);
        text_printf(table_add_cell(table), "%u", i);
        text_append_count(table_add_cell(table), distance->count);
        text_append_size(table_add_cell(table), distance->bytes);
        append_bar(table_add_cell(table), temporary ? '#' : '.', distance->count, largest, width);
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
    report_site_add_distances(profile, site, largest, bar_width(options), table);
    text_append(text, "\n");
    status = table_print(table, text);
    table_destroy(table);
    return status;
}

int report_site(const struct profile *profile, uint32_t id, const struct report_options *options,
                struct text *text, struct error *error) {
    const struct profile_site *site;
    int status = report_find_site(profile, id, &site, error);
    if (status != TMPALLOC_OK)
        return status;
    report_site_append_title(site, text);
    report_site_append_temporaries(profile, site, text);
    append_sizes(site, text);
    report_site_append_chains(site, text);
    append_ends(site, text);
    report_site_append_threads(site, text);
    append_pattern(site, text);
    if (options->screen && options->columns >= TWO_STACKS_WIDE && site->free_stack_count > 0)
        status = append_stacks_side_by_side(profile, site, options, text);
    else
        report_site_append_stacks(profile, site, text);
    if (status == TMPALLOC_OK)
        status = append_histogram(profile, site, options, text);
    return report_end(status, text, error);
}
