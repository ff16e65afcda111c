#include "reports/report_diff.h"

#include "reports/report_changes.h"
#include "reports/report_table.h"

#define LINES_BESIDE_ROWS 5 /* header, hidden rows, unchanged ones, total, prompt */

static const struct table_column diff_columns[] = {
    {"Location", false, 0},  {"Memory Before", true, 3},      {"Memory After", true, 2},
    {"Difference", true, 0}, {"Temporaries Before", true, 5}, {"Temporaries After", true, 4},
    {"Change", false, 0},
};

static void report_diff_print_cells(const struct report_pair *pair, struct table *table) {
    text_append_size(table_add_cell(table), pair->before.bytes);
    text_append_size(table_add_cell(table), pair->after.bytes);
    report_change_append_difference(table_add_cell(table), pair);
    text_append_count(table_add_cell(table), pair->before.count);
    text_append_count(table_add_cell(table), pair->after.count);
}

static void report_diff_print_row(const struct report_change *row, struct table *table) {
    bool striking = row->kind == CHANGE_NEW || row->kind == CHANGE_WORSE;
    table_add_row(table, TABLE_NO_PARENT, striking ? TABLE_STRIKING : TABLE_NORMAL);
    report_change_append_name(table_add_cell(table), row);
    report_diff_print_cells(&row->pair, table);
    table_add_cell_string(table, report_change_names[row->kind]);
}

static void report_diff_print_hidden(const struct report_changes *changes, size_t shown,
                                     struct table *table) {
    struct report_pair hidden = {0};
    for (size_t i = shown; i < changes->count; i++)
        report_amounts_add(&hidden, &changes->items[i].pair);
    if (shown == changes->count)
        return;
    table_add_row(table, TABLE_NO_PARENT, TABLE_FAINT);
    text_printf(table_add_cell(table), "%zu more changed", changes->count - shown);
    report_diff_print_cells(&hidden, table);
}

static void print_sums(const struct report_changes *changes, struct table *table) {
    if (changes->counts[CHANGE_NONE] > 0) {
        table_add_row(table, TABLE_NO_PARENT, TABLE_FAINT);
        text_printf(table_add_cell(table), "%zu unchanged", changes->counts[CHANGE_NONE]);
        report_diff_print_cells(&changes->unchanged, table);
    }
    table_add_row(table, TABLE_NO_PARENT, TABLE_NORMAL);
    table_add_cell_string(table, "Total");
    report_diff_print_cells(&changes->total, table);
}

static int report_diff_print(const struct report_changes *changes,
                             const struct report_options *options, struct text *text) {
    struct table *table;
    if (changes->count == 0 && changes->counts[CHANGE_NONE] == 0)
        return TMPALLOC_OK;
    int status =
        table_create(diff_columns, sizeof diff_columns / sizeof *diff_columns, options, &table);
    if (status != TMPALLOC_OK)
        return status;
    size_t shown = report_rows_to_show(options, changes->count, LINES_BESIDE_ROWS);
    for (size_t i = 0; i < shown; i++)
        report_diff_print_row(&changes->items[i], table);
    report_diff_print_hidden(changes, shown, table);
    print_sums(changes, table);
    status = table_print(table, text);
    table_destroy(table);
    return status;
}

int report_diff(const struct profile *before, const struct profile *after,
                const struct report_options *options, struct text *text, struct error *error) {
    struct report_changes changes;
    int status = report_changes_create(before, after, NULL, &changes);
    if (status == TMPALLOC_OK)
        status = report_diff_print(&changes, options, text);
    if (status == TMPALLOC_OK) {
        report_changes_append_counts(text, &changes, after->threshold);
        text_append(text, "\n");
    }
    report_changes_release(&changes);
    return report_end(status, text, error);
}
