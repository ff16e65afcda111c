#include <stdlib.h>

#include "locations.h"
#include "memory.h"
#include "report_selection.h"
#include "report_table.h"

#define ROWS_AT_LEAST     10
#define LINES_BESIDE_ROWS 3 /* header, hidden rows, prompt */

/* One location, or one stack. */
struct row {
    const struct symbol *location;
    const struct profile_site *site; /* the one with most bytes; NULL: no own temporaries */
    struct report_amount site_amount;
    struct report_amount own;
    uint64_t own_allocations;
    uint64_t total_bytes;
    uint64_t order;     /* of first sight */
    uint64_t last_site; /* id of the site that was counted last in total_bytes */
};

struct summary {
    const struct profile *profile;
    const struct report_options *options;
    struct locations *locations;
    struct row *rows; /* sorted; those to show come first */
    size_t count;
    size_t capacity;
    size_t candidates; /* rows before the filter */
};

static const struct table_column summary_columns[] = {
    {"Location", false, 0},  {"Total Memory", true, 4}, {"Total %", true, 1},
    {"Own Memory", true, 0}, {"Own %", true, 2},        {"Temporaries", true, 0},
    {"Share", true, 3},      {"Pattern", false, 0},
};

static struct row *add_row(struct summary *summary, const struct symbol *location) {
    void *rows = summary->rows;
    if (memory_reserve(&rows, &summary->capacity, summary->count + 1, sizeof *summary->rows))
        return NULL;
    summary->rows = rows;
    struct row *row = &summary->rows[summary->count];
    *row = (struct row){.location = location, .order = summary->count};
    summary->count++;
    return row;
}

static struct row *get_row(struct summary *summary, const struct symbol *symbol) {
    uint32_t number = locations_intern(summary->locations, symbol);
    if (number == LOCATION_NONE)
        return NULL;
    return number < summary->count ? &summary->rows[number] : add_row(summary, symbol);
}

static void count_own(struct row *row, const struct profile_site *site,
                      struct report_amount amount) {
    row->own.count += amount.count;
    row->own.bytes += amount.bytes;
    row->own_allocations += site->counters.allocations;
    if (amount.count == 0)
        return;
    if (!row->site || amount.bytes > row->site_amount.bytes) {
        row->site = site;
        row->site_amount = amount;
    }
}

/* Recursion must not count a stack twice. */
static void count_total(struct row *row, const struct profile_site *site,
                        struct report_amount amount) {
    if (row->last_site == site->id)
        return;
    row->last_site = site->id;
    row->total_bytes += amount.bytes;
}

static int add_site_by_location(struct summary *summary, const struct profile_site *site) {
    struct report_amount amount = report_select(site, summary->options);
    struct row *own = get_row(summary, profile_location(site));
    if (!own)
        return TMPALLOC_E_NOMEM;
    count_own(own, site, amount);
    if (amount.count == 0)
        return TMPALLOC_OK;
    for (size_t i = site->location; i < site->stack.count; i++) {
        struct row *row = get_row(summary, site->stack.symbols[i]);
        if (!row)
            return TMPALLOC_E_NOMEM;
        count_total(row, site, amount);
    }
    return TMPALLOC_OK;
}

static int add_site_by_stack(struct summary *summary, const struct profile_site *site) {
    struct row *row = add_row(summary, profile_location(site));
    if (!row)
        return TMPALLOC_E_NOMEM;
    struct report_amount amount = report_select(site, summary->options);
    count_own(row, site, amount);
    count_total(row, site, amount);
    return TMPALLOC_OK;
}

static int collect_rows(struct summary *summary) {
    const struct profile *profile = summary->profile;
    for (size_t i = 0; i < profile->site_count; i++) {
        const struct profile_site *site = &profile->sites[i];
        int status = summary->options->by_stack ? add_site_by_stack(summary, site)
                                                : add_site_by_location(summary, site);
        if (status != TMPALLOC_OK)
            return status;
    }
    return TMPALLOC_OK;
}

static bool is_candidate(const struct summary *summary, const struct row *row) {
    return row->own.count > 0 || (summary->options->inclusive && row->last_site > 0);
}

static int drop_rows(struct summary *summary) {
    struct text scratch;
    text_init(&scratch);
    size_t kept = 0;
    bool failed = false;
    for (size_t i = 0; i < summary->count; i++) {
        const struct row *row = &summary->rows[i];
        if (!is_candidate(summary, row))
            continue;
        summary->candidates++;
        if (report_matches(summary->options, row->location, &scratch))
            summary->rows[kept++] = *row;
        failed |= scratch.failed;
    }
    summary->count = kept;
    text_deinit(&scratch);
    return failed ? TMPALLOC_E_NOMEM : TMPALLOC_OK;
}

static int descending(uint64_t a, uint64_t b) {
    return a > b ? -1 : a < b;
}

/* Rows without allocations have no share; equal fractions give equal quotients. */
static int descending_share(const struct row *a, const struct row *b) {
    double left = a->own_allocations ? (double)a->own.count / (double)a->own_allocations : 0;
    double right = b->own_allocations ? (double)b->own.count / (double)b->own_allocations : 0;
    return left > right ? -1 : left < right;
}

static int compare_by(enum report_sort sort, const struct row *a, const struct row *b) {
    switch (sort) {
    case SORT_TOTAL:
        return descending(a->total_bytes, b->total_bytes);
    case SORT_COUNT:
        return descending(a->own.count, b->own.count);
    case SORT_SHARE:
        return descending_share(a, b);
    default:
        return descending(a->own.bytes, b->own.bytes);
    }
}

static int compare_rows(const void *left, const void *right, void *arg) {
    const struct row *a = left;
    const struct row *b = right;
    const struct report_options *options = arg;
    const enum report_sort keys[] = {options->sort, SORT_OWN, SORT_COUNT, SORT_TOTAL};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        int order = compare_by(keys[i], a, b);
        if (order != 0)
            return order;
    }
    return descending(b->order, a->order);
}

static const char *row_advice(const struct row *row) {
    return row->site ? profile_pattern_advice(row->site->pattern) : NULL;
}

/* What fits the terminal with the advice below the table, at least ROWS_AT_LEAST. */
static size_t rows_that_fit(const struct summary *summary) {
    size_t lines = LINES_BESIDE_ROWS;
    size_t fitting = 0;
    while (fitting < summary->count) {
        lines += row_advice(&summary->rows[fitting]) ? 2 : 1;
        if (lines > summary->options->terminal_rows)
            break;
        fitting++;
    }
    return fitting > ROWS_AT_LEAST ? fitting : ROWS_AT_LEAST;
}

static size_t rows_to_show(const struct summary *summary) {
    uint32_t rows = summary->options->rows;
    size_t limit = rows == 0 ? SIZE_MAX : rows == REPORT_ROWS_FIT ? rows_that_fit(summary) : rows;
    return limit < summary->count ? limit : summary->count;
}

static void print_row(const struct summary *summary, const struct row *row, struct table *table) {
    const struct profile *profile = summary->profile;
    table_add_row(table, TABLE_NO_PARENT, row_advice(row) ? TABLE_STRIKING : TABLE_NORMAL);
    struct text *place = table_add_cell(table);
    if (summary->options->by_stack) {
        text_printf(place, "site %u: ", row->site->id);
        report_append_callers(place, row->site);
    } else {
        profile_append_location(place, row->location);
    }
    text_append_size(table_add_cell(table), row->total_bytes);
    report_append_percent(table_add_cell(table), row->total_bytes, profile->bytes);
    text_append_size(table_add_cell(table), row->own.bytes);
    report_append_percent(table_add_cell(table), row->own.bytes, profile->bytes);
    text_append_count(table_add_cell(table), row->own.count);
    struct text *share = table_add_cell(table);
    if (row->own_allocations > 0)
        report_append_percent(share, row->own.count, row->own_allocations);
    table_add_cell_string(table, row->site ? profile_pattern_name(row->site->pattern) : "");
}

static void print_hidden(const struct summary *summary, size_t shown, struct table *table) {
    const struct profile *profile = summary->profile;
    struct report_amount hidden = {profile->count, profile->bytes};
    for (size_t i = 0; i < shown; i++) {
        hidden.count -= summary->rows[i].own.count;
        hidden.bytes -= summary->rows[i].own.bytes;
    }
    size_t rows = summary->candidates - shown;
    if (rows == 0 && hidden.count == 0)
        return;
    table_add_row(table, TABLE_NO_PARENT, TABLE_FAINT);
    if (summary->options->by_stack)
        report_append_more(table_add_cell(table), profile, rows, "stack", "stacks");
    else
        report_append_more(table_add_cell(table), profile, rows, "location", "locations");
    table_add_cell(table);
    table_add_cell(table);
    text_append_size(table_add_cell(table), hidden.bytes);
    report_append_percent(table_add_cell(table), hidden.bytes, profile->bytes);
    text_append_count(table_add_cell(table), hidden.count);
}

static void print_advice(const struct summary *summary, const struct row *row, struct text *text) {
    const char *advice = row_advice(row);
    if (!advice)
        return;
    struct text location;
    text_init(&location);
    profile_append_location(&location, row->location);
    table_fit(text, text_get(&location), summary->options->columns / 2);
    text->failed |= location.failed;
    text_deinit(&location);
    text_printf(text, " %s (tmpalloc site %u)\n", advice, row->site->id);
}

static int print(struct summary *summary, struct text *text) {
    if (summary->count == 0) {
        report_nothing(summary->profile, text);
        return TMPALLOC_OK;
    }
    struct table *table;
    int status = table_create(summary_columns, sizeof summary_columns / sizeof *summary_columns,
                              summary->options, &table);
    if (status != TMPALLOC_OK)
        return status;
    size_t shown = rows_to_show(summary);
    for (size_t i = 0; i < shown; i++)
        print_row(summary, &summary->rows[i], table);
    print_hidden(summary, shown, table);
    status = table_print(table, text);
    table_destroy(table);
    for (size_t i = 0; i < shown && status == TMPALLOC_OK; i++)
        print_advice(summary, &summary->rows[i], text);
    return status;
}

static int summarise(struct summary *summary, struct text *text) {
    int status = collect_rows(summary);
    if (status == TMPALLOC_OK)
        status = drop_rows(summary);
    if (status != TMPALLOC_OK)
        return status;
    if (summary->count > 0)
        qsort_r(summary->rows, summary->count, sizeof *summary->rows, compare_rows,
                (void *)summary->options);
    return print(summary, text);
}

int report_summary(const struct profile *profile, const struct report_options *options,
                   struct text *text, struct error *error) {
    struct summary summary = {.profile = profile, .options = options};
    int status = locations_create(&summary.locations);
    if (status == TMPALLOC_OK)
        status = summarise(&summary, text);
    locations_destroy(summary.locations);
    memory_release(summary.rows);
    return status != TMPALLOC_OK || text->failed ? error_no_memory(error) : TMPALLOC_OK;
}
