#include "reports/report_diff.h"

#include <stdlib.h>
#include <string.h>

#include "profile/profile_names.h"
#include "reports/report_pairs.h"
#include "reports/report_table.h"
#include "support/memory.h"

#define LINES_BESIDE_ROWS 5 /* header, hidden rows, unchanged ones, total, prompt */

/* How a site is now. */
enum change { NEW, WORSE, BETTER, GONE, UNCHANGED };

#define CHANGES 5

static const char *const change_names[CHANGES] = {"new", "worse", "better", "gone", "unchanged"};

struct row {
    struct report_pair pair;
    enum change change;
    size_t order; /* of first sight */
    size_t text;  /* what it is called, in the names of the diff */
    bool alike;   /* another is called so, too */
};

struct diff {
    const struct report_options *options;
    struct row *rows; /* those that changed */
    size_t count;
    size_t changes[CHANGES];      /* how many pairs of each */
    struct report_pair unchanged; /* their sum */
    struct report_pair total;
};

static const struct table_column diff_columns[] = {
    {"Location", false, 0},  {"Memory Before", true, 3},      {"Memory After", true, 2},
    {"Difference", true, 0}, {"Temporaries Before", true, 5}, {"Temporaries After", true, 4},
    {"Change", false, 0},
};

static void report_diff_add(struct report_pair *sum, const struct report_pair *part) {
    sum->before.count += part->before.count;
    sum->before.bytes += part->before.bytes;
    sum->after.count += part->after.count;
    sum->after.bytes += part->after.bytes;
}

static enum change report_diff_judge(const struct report_pair *pair) {
    if (pair->before.count == 0)
        return NEW;
    if (pair->after.count == 0)
        return GONE;
    if (pair->after.bytes != pair->before.bytes)
        return pair->after.bytes > pair->before.bytes ? WORSE : BETTER;
    if (pair->after.count != pair->before.count)
        return pair->after.count > pair->before.count ? WORSE : BETTER;
    return UNCHANGED;
}

static int judge_pairs(struct diff *diff, const struct report_pairs *pairs) {
    diff->rows = memory_allocate_zeroed(pairs->count, sizeof *diff->rows);
    if (!diff->rows)
        return TMPALLOC_E_NOMEM;
    for (size_t i = 0; i < pairs->count; i++) {
        const struct report_pair *pair = &pairs->items[i];
        enum change change = report_diff_judge(pair);
        diff->changes[change]++;
        report_diff_add(&diff->total, pair);
        if (change == UNCHANGED)
            report_diff_add(&diff->unchanged, pair);
        else
            diff->rows[diff->count++] = (struct row){*pair, change, i};
    }
    return TMPALLOC_OK;
}

static uint64_t report_diff_distance(uint64_t a, uint64_t b) {
    return a > b ? a - b : b - a;
}

static int report_diff_compare_rows(const void *left, const void *right) {
    const struct row *a = left;
    const struct row *b = right;
    uint64_t x = report_diff_distance(a->pair.before.bytes, a->pair.after.bytes);
    uint64_t y = report_diff_distance(b->pair.before.bytes, b->pair.after.bytes);
    if (x == y) {
        x = report_diff_distance(a->pair.before.count, a->pair.after.count);
        y = report_diff_distance(b->pair.before.count, b->pair.after.count);
    }
    if (x != y)
        return x > y ? -1 : 1;
    return a->order < b->order ? -1 : a->order > b->order;
}

static void append_difference(struct text *text, const struct report_pair *pair) {
    bool less = pair->after.bytes < pair->before.bytes;
    if (pair->after.bytes != pair->before.bytes)
        text_append(text, less ? "-" : "+");
    text_append_size(text, report_diff_distance(pair->before.bytes, pair->after.bytes));
}

static void report_diff_print_cells(const struct report_pair *pair, struct table *table) {
    text_append_size(table_add_cell(table), pair->before.bytes);
    text_append_size(table_add_cell(table), pair->after.bytes);
    append_difference(table_add_cell(table), pair);
    text_append_count(table_add_cell(table), pair->before.count);
    text_append_count(table_add_cell(table), pair->after.count);
}

static int compare_names(const void *left, const void *right, void *arg) {
    const struct row *const *a = left, *const *b = right;
    const char *names = arg;
    return strcmp(names + (*a)->text, names + (*b)->text);
}

/* Rows that read the same are to show all that they call, with whole names: in these they differ.
 */
static int find_alike(struct row *rows, size_t count, struct text *names) {
    struct row **sorted = memory_allocate_zeroed(count + 1, sizeof *sorted);
    if (!sorted)
        return TMPALLOC_E_NOMEM;
    for (size_t i = 0; i < count; i++) {
        sorted[i] = &rows[i];
        rows[i].text = names->length;
        profile_append_location(names, profile_location(rows[i].pair.site));
        text_append_bytes(names, "", 1);
    }
    int status = names->failed ? TMPALLOC_E_NOMEM : TMPALLOC_OK;
    if (status == TMPALLOC_OK && count > 0)
        qsort_r(sorted, count, sizeof *sorted, compare_names, names->data);
    for (size_t i = 1; i < count && status == TMPALLOC_OK; i++) {
        if (compare_names(&sorted[i - 1], &sorted[i], names->data) == 0)
            sorted[i - 1]->alike = sorted[i]->alike = true;
    }
    memory_release(sorted);
    return status;
}

static void append_all_called(struct text *text, const struct profile_site *site) {
    for (size_t i = site->location + 1; i > 0; i--) {
        text_append(text, i <= site->location ? " > " : "");
        profile_append_name(text, site->stack.symbols[i - 1]);
    }
}

static void report_diff_print_row(const struct row *row, struct table *table) {
    bool striking = row->change == NEW || row->change == WORSE;
    table_add_row(table, TABLE_NO_PARENT, striking ? TABLE_STRIKING : TABLE_NORMAL);
    if (row->alike)
        append_all_called(table_add_cell(table), row->pair.site);
    else
        profile_append_location(table_add_cell(table), profile_location(row->pair.site));
    report_diff_print_cells(&row->pair, table);
    table_add_cell_string(table, change_names[row->change]);
}

static void report_diff_print_hidden(const struct diff *diff, size_t shown, struct table *table) {
    struct report_pair hidden = {0};
    for (size_t i = shown; i < diff->count; i++)
        report_diff_add(&hidden, &diff->rows[i].pair);
    if (shown == diff->count)
        return;
    table_add_row(table, TABLE_NO_PARENT, TABLE_FAINT);
    text_printf(table_add_cell(table), "%zu more changed", diff->count - shown);
    report_diff_print_cells(&hidden, table);
}

static void print_sums(const struct diff *diff, struct table *table) {
    if (diff->changes[UNCHANGED] > 0) {
        table_add_row(table, TABLE_NO_PARENT, TABLE_FAINT);
        text_printf(table_add_cell(table), "%zu unchanged", diff->changes[UNCHANGED]);
        report_diff_print_cells(&diff->unchanged, table);
    }
    table_add_row(table, TABLE_NO_PARENT, TABLE_NORMAL);
    table_add_cell_string(table, "Total");
    report_diff_print_cells(&diff->total, table);
}

static void append_counts(const struct diff *diff, uint32_t threshold, struct text *text) {
    for (size_t i = 0; i < CHANGES; i++)
        text_printf(text, "%s%zu %s", i > 0 ? ", " : "", diff->changes[i], change_names[i]);
    text_printf(text, " at threshold %u\n", threshold);
}

static int report_diff_print(struct diff *diff, struct text *text) {
    struct table *table;
    struct text names;
    text_init(&names);
    int named = find_alike(diff->rows, diff->count, &names);
    text_deinit(&names);
    if (named != TMPALLOC_OK)
        return named;
    int status = table_create(diff_columns, sizeof diff_columns / sizeof *diff_columns,
                              diff->options, &table);
    if (status != TMPALLOC_OK)
        return status;
    size_t shown = report_rows_to_show(diff->options, diff->count, LINES_BESIDE_ROWS);
    for (size_t i = 0; i < shown; i++)
        report_diff_print_row(&diff->rows[i], table);
    report_diff_print_hidden(diff, shown, table);
    print_sums(diff, table);
    status = table_print(table, text);
    table_destroy(table);
    return status;
}

static int report_diff_compare(struct diff *diff, const struct report_pairs *pairs,
                               struct text *text) {
    if (pairs->count == 0)
        return TMPALLOC_OK;
    int status = judge_pairs(diff, pairs);
    if (status != TMPALLOC_OK)
        return status;
    qsort(diff->rows, diff->count, sizeof *diff->rows, report_diff_compare_rows);
    return report_diff_print(diff, text);
}

int report_diff(const struct profile *before, const struct profile *after,
                const struct report_options *options, struct text *text, struct error *error) {
    struct diff diff = {.options = options};
    struct report_pairs pairs;
    int status = report_pairs_init(&pairs, before, after);
    if (status == TMPALLOC_OK)
        status = report_diff_compare(&diff, &pairs, text);
    if (status == TMPALLOC_OK)
        append_counts(&diff, after->threshold, text);
    report_pairs_deinit(&pairs);
    memory_release(diff.rows);
    return report_end(status, text, error);
}
