#include "profile/profile_advice.h"
#include "reports/report_rows.h"
#include "reports/report_table.h"

#define SITES_NAMED 4 /* of which advice is hidden; they have to fit one line */

#define SUMMARY_COLUMNS(counted)                                                                   \
    {                                                                                              \
        {"Location", false, 0}, {"Total Memory", true, 5}, {"Total %", true, 1},                   \
            {"Own Memory", true, 0}, {"Own %", true, 2}, {counted, true, 0}, {"Share", true, 4},   \
            {"Scope", true, 3}, {"Pattern", false, 0},                                             \
    }

static const struct table_column summary_columns[] = SUMMARY_COLUMNS("Temporaries");
static const struct table_column columns_of_all[] = SUMMARY_COLUMNS("Allocations");

/* With what it is charged through where there is room for that, which is no part of it. */
static void print_location(const struct report_rows *rows, const struct report_row *row,
                           struct table *table) {
    labels_append(rows->labels, row->location, table_add_cell(table));
    struct text *longer = table_add_longer(table);
    labels_append(rows->labels, row->location, longer);
    report_through_append(&rows->through, row->order, longer);
}

static void report_summary_print_row(const struct report_rows *rows, const struct report_row *row,
                                     struct table *table) {
    uint64_t whole = report_rows_whole(rows).bytes;
    table_add_row(table, TABLE_NO_PARENT,
                  report_row_has_advice(row) ? TABLE_STRIKING : TABLE_NORMAL);
    if (rows->options->by_stack) {
        struct text *place = table_add_cell(table);
        text_printf(place, "site %u: ", row->site->id);
        report_append_callers(place, row->site);
    } else {
        print_location(rows, row, table);
    }
    text_append_size(table_add_cell(table), row->total_bytes);
    report_append_percent(table_add_cell(table), row->total_bytes, whole);
    text_append_size(table_add_cell(table), row->own.bytes);
    report_append_percent(table_add_cell(table), row->own.bytes, whole);
    text_append_count(table_add_cell(table), row->own.count);
    struct text *share = table_add_cell(table);
    if (row->own_allocations > 0)
        report_append_percent(share, row->own_temporaries, row->own_allocations);
    struct text *scope = table_add_cell(table);
    if (row->own_known_scope > 0)
        report_append_percent(scope, row->own_same_scope, row->own_known_scope);
    else if (row->own_temporaries > 0)
        text_append(scope, "-");
    table_add_cell_string(table, row->site ? profile_pattern_name(row->site->pattern) : "");
}

static void report_summary_print_hidden(const struct report_rows *rows, size_t shown,
                                        struct table *table) {
    const struct profile *profile = rows->profile;
    const struct report_amount hidden = report_rows_hidden(rows, shown);
    size_t more = rows->candidates - shown;
    if (more == 0 && hidden.count == 0)
        return;
    table_add_row(table, TABLE_NO_PARENT, TABLE_FAINT);
    if (rows->options->all && more == 0 && profile->suppressed.locations == 0)
        table_add_cell_string(table, "other allocations");
    else if (rows->options->by_stack)
        report_append_more(table_add_cell(table), profile, more, "stack", "stacks");
    else
        report_append_more(table_add_cell(table), profile, more, "location", "locations");
    table_add_cell(table);
    table_add_cell(table);
    text_append_size(table_add_cell(table), hidden.bytes);
    report_append_percent(table_add_cell(table), hidden.bytes, report_rows_whole(rows).bytes);
    text_append_count(table_add_cell(table), hidden.count);
}

static size_t report_summary_advised(const struct report_rows *rows, size_t first, size_t shown) {
    size_t count = 0;
    for (size_t i = first; i < shown; i++)
        count += report_row_has_advice(&rows->items[i]);
    return count;
}

/* "Advice for 3 more rows: tmpalloc site 4, 7, 9" */
static void print_more_advice(const struct report_rows *rows, size_t first, size_t shown,
                              struct text *text) {
    size_t count = report_summary_advised(rows, first, shown), named = 0;
    text_printf(text, "Advice for %zu more row%s: tmpalloc site ", count, text_plural(count));
    for (size_t i = first; i < shown && named < SITES_NAMED; i++) {
        if (report_row_has_advice(&rows->items[i]))
            text_printf(text, "%s%u", named++ ? ", " : "", rows->items[i].site->id);
    }
    text_append(text, named < count ? ", ...\n" : "\n");
}

static size_t all_advice_lines(const struct report_rows *rows, size_t shown, struct text *lines) {
    size_t count = 0;
    for (size_t i = 0; i < shown; i++)
        count += report_rows_append_advice(rows, &rows->items[i], lines);
    return count;
}

/* All of it, or what leaves room for a line that counts the rest. */
static void print_advice(const struct report_rows *rows, size_t shown, struct text *text) {
    size_t room = report_rows_advice_lines(rows, shown);
    struct text lines;
    text_init(&lines);
    if (all_advice_lines(rows, shown, &lines) <= room) {
        text_append(text, text_get(&lines));
    } else {
        size_t next = 0;
        for (text_clear(&lines); next < shown; next++) {
            size_t count = report_rows_append_advice(rows, &rows->items[next], &lines);
            if (count + 1 > room)
                break;
            room -= count;
            text_append(text, text_get(&lines));
            text_clear(&lines);
        }
        print_more_advice(rows, next, shown, text);
    }
    text->failed |= lines.failed;
    text_deinit(&lines);
}

static void print_nothing(const struct report_rows *rows, struct text *text) {
    uint64_t allocations = rows->profile->totals.allocations;
    if (!rows->options->all) {
        report_nothing(rows->profile, text);
    } else if (allocations == 0) {
        text_append(text, "No allocations.\n");
    } else {
        text_append(text, "No allocations that match; ");
        text_append_count(text, allocations);
        text_append(text, " elsewhere.\n");
    }
}

static int report_summary_print(struct report_rows *rows, struct text *text) {
    if (rows->count == 0) {
        print_nothing(rows, text);
        return TMPALLOC_OK;
    }
    struct table *table;
    int status =
        table_create(rows->options->all ? columns_of_all : summary_columns,
                     sizeof summary_columns / sizeof *summary_columns, rows->options, &table);
    if (status != TMPALLOC_OK)
        return status;
    size_t shown = report_rows_shown(rows);
    for (size_t i = 0; i < shown; i++)
        report_summary_print_row(rows, &rows->items[i], table);
    report_summary_print_hidden(rows, shown, table);
    status = table_print(table, text);
    table_destroy(table);
    if (status == TMPALLOC_OK)
        print_advice(rows, shown, text);
    if (rows->profile->limited)
        report_limited(text);
    return status;
}

void report_children(const struct profile *profile, struct text *text) {
    uint64_t count = profile->totals.children;
    if (count == 0)
        return;
    text_append_count(text, count);
    text_printf(text, " child process%s not counted.\n", count == 1 ? " was" : "es were");
}

void report_limited(struct text *text) {
    text_append(text,
                "Call stacks were cut after the allocator's caller when the agent's memory was "
                "used up: start --memory-limit SIZE\n");
}

int report_summary(const struct profile *profile, const struct report_options *options,
                   struct text *text, struct error *error) {
    struct report_rows rows;
    int status = report_rows_create(profile, options, &rows);
    if (status == TMPALLOC_OK)
        status = report_summary_print(&rows, text);
    if (status == TMPALLOC_OK)
        report_children(profile, text);
    report_rows_release(&rows);
    return report_end(status, text, error);
}
