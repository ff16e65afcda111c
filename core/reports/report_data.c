#include "reports/report_data.h"

#include "profile/profile_advice.h"
#include "reports/report_rows.h"
#include "reports/report_values.h"

/* "12.34", as in tables. */
static json_t *percent_of(uint64_t part, uint64_t whole) {
    if (whole == 0)
        return json_null();
    struct text text;
    text_init(&text);
    report_append_percent(&text, part, whole);
    json_t *result =
        text.failed ? NULL : json_stringn(text_get(&text), text.length - 1 /* without % */);
    text_deinit(&text);
    return result;
}

static json_t *nonzero(uint64_t value) {
    return value ? value_count(value) : json_null();
}

static json_t *place_object(const struct symbol *symbol, void *arg) {
    (void)arg;
    json_t *object = json_object();
    int failed = json_object_set_new(object, "function", value_text(symbol->function));
    failed |= json_object_set_new(object, "file", value_text(symbol->file));
    failed |= json_object_set_new(object, "line", nonzero(symbol->line));
    failed |= json_object_set_new(object, "module", value_text(symbol->module));
    failed |= json_object_set_new(object, "inlined", json_boolean(symbol->inlined));
    failed |=
        json_object_set_new(object, "language", value_text(symbol->python ? "python" : "native"));
    return value_checked(object, failed);
}

static json_t *stack_array(struct symbol_values *places, const struct profile_stack *stack) {
    json_t *array = json_array();
    int failed = 0;
    for (size_t i = 0; i < stack->count; i++)
        failed |= json_array_append_new(array, value_of_symbol(places, stack->symbols[i]));
    return value_checked(array, failed);
}

static json_t *advice_of(const struct report_row *row) {
    struct text text;
    text_init(&text);
    json_t *result =
        profile_append_advice(&text, row->site, row->chains) ? value_take(&text) : json_null();
    text_deinit(&text);
    return result;
}

static int set_site(json_t *object, struct symbol_values *places, const struct report_rows *rows,
                    const struct report_row *row) {
    const struct profile_site *site = row->site;
    const char *pattern =
        site->pattern == PATTERN_NONE ? NULL : profile_pattern_name(site->pattern);
    int failed = json_object_set_new(object, "pattern", value_text(pattern));
    failed |= json_object_set_new(object, "advice", advice_of(row));
    failed |= json_object_set_new(object, "site", value_count(site->id));
    if (rows->options->by_stack)
        failed |= json_object_set_new(object, "stack", stack_array(places, &site->stack));
    return failed;
}

static const char *counted(const struct report_rows *rows) {
    return rows->options->all ? "allocations" : "temporaries";
}

static json_t *row_object(struct symbol_values *places, const struct report_rows *rows,
                          const struct report_row *row) {
    uint64_t all_bytes = report_rows_whole(rows).bytes;
    json_t *object = json_object();
    int failed = json_object_set_new(object, "location", value_of_symbol(places, row->location));
    failed |= json_object_set_new(object, "total_bytes", value_count(row->total_bytes));
    failed |= json_object_set_new(object, "total_percent", percent_of(row->total_bytes, all_bytes));
    failed |= json_object_set_new(object, "own_bytes", value_count(row->own.bytes));
    failed |= json_object_set_new(object, "own_percent", percent_of(row->own.bytes, all_bytes));
    failed |= json_object_set_new(object, counted(rows), value_count(row->own.count));
    failed |= json_object_set_new(object, "share_percent",
                                  percent_of(row->own_temporaries, row->own_allocations));
    failed |= json_object_set_new(object, "scope_percent",
                                  percent_of(row->own_same_scope, row->own_known_scope));
    if (row->site)
        failed |= set_site(object, places, rows, row);
    return value_checked(object, failed);
}

static json_t *rows_array(const struct report_rows *rows, size_t shown) {
    struct symbol_values places;
    symbol_values_init(&places, place_object, NULL);
    json_t *array = json_array();
    int failed = 0;
    for (size_t i = 0; i < shown; i++)
        failed |= json_array_append_new(array, row_object(&places, rows, &rows->items[i]));
    symbol_values_deinit(&places);
    return value_checked(array, failed);
}

static json_t *hidden_object(const struct report_rows *rows, size_t shown) {
    const struct report_amount hidden = report_rows_hidden(rows, shown);
    json_t *object = json_object();
    int failed = json_object_set_new(object, "rows", value_count(rows->candidates - shown));
    failed |=
        json_object_set_new(object, "suppressed", value_count(rows->profile->suppressed.locations));
    failed |= json_object_set_new(object, counted(rows), value_count(hidden.count));
    failed |= json_object_set_new(object, "bytes", value_count(hidden.bytes));
    return value_checked(object, failed);
}

int report_data_set_totals(json_t *object, const struct snapshot_totals *totals,
                           struct site_distance temporaries) {
    int failed = json_object_set_new(object, "allocations", value_count(totals->allocations));
    failed |= json_object_set_new(object, "allocated_bytes", value_count(totals->allocated_bytes));
    failed |= json_object_set_new(object, "deallocations", value_count(totals->deallocations));
    failed |= json_object_set_new(object, "temporaries", value_count(temporaries.count));
    failed |= json_object_set_new(object, "temporary_bytes", value_count(temporaries.bytes));
    failed |=
        json_object_set_new(object, "cross_thread_frees", value_count(totals->cross_thread_frees));
    return failed | json_object_set_new(object, "dropped", value_count(totals->dropped));
}

static json_t *totals_object(const struct profile *profile) {
    const struct site_distance temporaries = {profile->count, profile->bytes};
    json_t *object = json_object();
    return value_checked(object, report_data_set_totals(object, &profile->totals, temporaries));
}

static json_t *summary_object(const struct report_rows *rows) {
    size_t shown = report_rows_shown(rows);
    json_t *object = json_object();
    int failed = json_object_set_new(object, "threshold", value_count(rows->profile->threshold));
    failed |= json_object_set_new(object, "totals", totals_object(rows->profile));
    failed |= json_object_set_new(object, "rows", rows_array(rows, shown));
    failed |= json_object_set_new(object, "hidden", hidden_object(rows, shown));
    return value_checked(object, failed);
}

int report_summary_data(const struct profile *profile, const struct report_options *options,
                        struct text *text, struct error *error) {
    struct report_rows rows;
    int status = report_rows_create(profile, options, &rows);
    json_t *object = status == TMPALLOC_OK ? summary_object(&rows) : NULL;
    report_rows_release(&rows);
    if (status != TMPALLOC_OK)
        return error_of_status(error, status);
    status = value_append(text, object, error);
    json_decref(object);
    return status;
}
