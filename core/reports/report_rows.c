#include "reports/report_rows.h"

#include <stdlib.h>

#include "profile/profile_advice.h"
#include "profile/profile_charge.h"
#include "reports/report_width.h"
#include "support/memory.h"
#include "support/progress.h"

#define ROWS_AT_LEAST     10
#define LINES_BESIDE_ROWS 3 /* header, hidden rows, prompt */
#define LINES_OF_LIMIT    2 /* of report_limited() */

static struct report_row *report_rows_add_row(struct report_rows *rows,
                                              const struct symbol *location) {
    if (MEMORY_RESERVE(rows->items, &rows->capacity, rows->count + 1))
        return NULL;
    struct report_row *row = &rows->items[rows->count];
    *row = (struct report_row){.location = location, .order = rows->count};
    rows->count++;
    return row;
}

static struct report_row *get_row(struct report_rows *rows, const struct symbol *symbol) {
    uint32_t number = locations_intern(rows->locations, symbol);
    if (number == LOCATION_NONE)
        return NULL;
    return number < rows->count ? &rows->items[number] : report_rows_add_row(rows, symbol);
}

static int count_chains(struct report_rows *rows, struct report_row *row,
                        const struct profile_site *site) {
    if (!site->chains)
        return TMPALLOC_OK;
    if (!row->chains)
        row->chains = arena_allocate(&rows->storage, 1, sizeof *row->chains);
    if (!row->chains)
        return TMPALLOC_E_NOMEM;
    chain_counters_add(row->chains, site->chains);
    return TMPALLOC_OK;
}

static void count_own(const struct report_rows *rows, struct report_row *row,
                      const struct profile_site *site, struct report_amount amount) {
    uint64_t temporaries = report_select(site, rows->options).count;
    row->own.count += amount.count;
    row->own.bytes += amount.bytes;
    row->own_allocations += site->counters.allocations;
    row->own_temporaries += temporaries;
    if (amount.count == 0)
        return;
    row->own_same_scope += site->same_scope;
    row->own_known_scope += profile_knows_scope(site) ? temporaries : 0;
    if (!row->site || amount.bytes > row->site_amount.bytes) {
        row->site = site;
        row->site_amount = amount;
    }
}

/* Recursion must not count a stack twice. */
static void count_total(struct report_row *row, const struct profile_site *site,
                        struct report_amount amount) {
    if (row->last_site == site->id)
        return;
    row->last_site = site->id;
    row->total_bytes += amount.bytes;
}

static int count_through(struct report_rows *rows, const struct report_row *row,
                         const struct profile_site *site, struct report_amount amount) {
    const struct symbol *through =
        profile_find_through(rows->profile->charge, &site->stack, site->location);
    if (amount.count == 0 || !through || !through->function)
        return TMPALLOC_OK;
    return report_through_add(&rows->through, row->order, through->function, amount.bytes);
}

static int add_site_by_location(struct report_rows *rows, const struct profile_site *site,
                                struct report_amount amount) {
    struct report_row *own = get_row(rows, profile_location(site));
    if (!own || count_chains(rows, own, site) != TMPALLOC_OK)
        return TMPALLOC_E_NOMEM;
    count_own(rows, own, site, amount);
    int status = count_through(rows, own, site, amount);
    if (amount.count == 0 || status != TMPALLOC_OK)
        return status;
    for (size_t i = site->location; i < site->stack.count; i++) {
        struct report_row *row = get_row(rows, site->stack.symbols[i]);
        if (!row)
            return TMPALLOC_E_NOMEM;
        count_total(row, site, amount);
    }
    return TMPALLOC_OK;
}

static int add_site_by_stack(struct report_rows *rows, const struct profile_site *site,
                             struct report_amount amount) {
    struct report_row *row = report_rows_add_row(rows, profile_location(site));
    if (!row || count_chains(rows, row, site) != TMPALLOC_OK)
        return TMPALLOC_E_NOMEM;
    count_own(rows, row, site, amount);
    count_total(row, site, amount);
    return TMPALLOC_OK;
}

/* What the filter keeps out is counted, not shown. */
static int leave_out_site(struct report_rows *rows, const struct profile_site *site,
                          struct report_amount amount) {
    if (amount.count == 0)
        return TMPALLOC_OK;
    if (rows->options->by_stack) {
        rows->candidates++;
        return TMPALLOC_OK;
    }
    size_t end = rows->options->inclusive ? site->stack.count : site->location + 1;
    for (size_t i = site->location; i < end; i++) {
        struct report_row *row = get_row(rows, site->stack.symbols[i]);
        if (!row)
            return TMPALLOC_E_NOMEM;
        row->filtered_out = true;
    }
    return TMPALLOC_OK;
}

static struct report_amount count_site(const struct report_rows *rows,
                                       const struct profile_site *site) {
    const struct site_counters *counters = &site->counters;
    return rows->options->all
               ? (struct report_amount){counters->allocations, counters->allocated_bytes}
               : report_select(site, rows->options);
}

static int report_rows_add_site(struct report_rows *rows, const struct profile_site *site) {
    struct report_amount amount = count_site(rows, site);
    if (!stack_filter_matches(rows->filter, &site->stack))
        return leave_out_site(rows, site, amount);
    return rows->options->by_stack ? add_site_by_stack(rows, site, amount)
                                   : add_site_by_location(rows, site, amount);
}

static int collect_rows(struct report_rows *rows) {
    const struct profile *profile = rows->profile;
    for (size_t i = 0; i < profile->site_count; i++) {
        const struct profile_site *site = &profile->sites[i];
        if (progress_step("summing up", i, profile->site_count, "call sites") != TMPALLOC_OK)
            return TMPALLOC_E_INTERRUPTED;
        if (!report_has_thread(site, rows->options))
            continue;
        int status = report_rows_add_site(rows, site);
        if (status != TMPALLOC_OK)
            return status;
    }
    return TMPALLOC_OK;
}

static bool is_row_shown(const struct report_rows *rows, const struct report_row *row) {
    return row->own.count > 0 || (rows->options->inclusive && row->last_site > 0);
}

static void drop_rows(struct report_rows *rows) {
    size_t kept = 0;
    for (size_t i = 0; i < rows->count; i++) {
        const struct report_row *row = &rows->items[i];
        rows->candidates += is_row_shown(rows, row) || row->filtered_out;
        if (is_row_shown(rows, row))
            rows->items[kept++] = *row;
    }
    rows->count = kept;
}

static int descending(uint64_t a, uint64_t b) {
    return a > b ? -1 : a < b;
}

/* Equal fractions give equal quotients. */
static double quotient(uint64_t part, uint64_t whole) {
    return whole ? (double)part / (double)whole : 0;
}

static int descending_quotient(double left, double right) {
    return left > right ? -1 : left < right;
}

static int compare_by(enum report_sort sort, const struct report_row *a,
                      const struct report_row *b) {
    switch (sort) {
    case SORT_TOTAL:
        return descending(a->total_bytes, b->total_bytes);
    case SORT_COUNT:
        return descending(a->own.count, b->own.count);
    case SORT_SHARE:
        return descending_quotient(quotient(a->own_temporaries, a->own_allocations),
                                   quotient(b->own_temporaries, b->own_allocations));
    case SORT_SCOPE:
        return descending_quotient(quotient(a->own_same_scope, a->own_known_scope),
                                   quotient(b->own_same_scope, b->own_known_scope));
    default:
        return descending(a->own.bytes, b->own.bytes);
    }
}

static int report_rows_compare_rows(const void *left, const void *right, void *arg) {
    const struct report_row *a = left;
    const struct report_row *b = right;
    const struct report_options *options = arg;
    const enum report_sort keys[] = {options->sort, SORT_OWN, SORT_COUNT, SORT_TOTAL};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        int order = compare_by(keys[i], a, b);
        if (order != 0)
            return order;
    }
    return descending(b->order, a->order);
}

static int label_rows(struct report_rows *rows) {
    int status = labels_create(&rows->labels);
    for (size_t i = 0; i < rows->count && status == TMPALLOC_OK; i++)
        status = labels_add(rows->labels, rows->items[i].location);
    return status == TMPALLOC_OK ? labels_tell_apart(rows->labels) : status;
}

int report_rows_create(const struct profile *profile, const struct report_options *options,
                       struct report_rows *ret) {
    struct report_rows rows = {.profile = profile, .options = options};
    int status = locations_create(&rows.locations);
    if (status == TMPALLOC_OK)
        status = stack_filter_create(options->filter, 1, &rows.filter);
    if (status == TMPALLOC_OK)
        status = collect_rows(&rows);
    if (status == TMPALLOC_OK && stack_filter_failed(rows.filter))
        status = TMPALLOC_E_NOMEM;
    if (status == TMPALLOC_OK)
        drop_rows(&rows);
    if (status == TMPALLOC_OK && rows.count > 0)
        qsort_r(rows.items, rows.count, sizeof *rows.items, report_rows_compare_rows,
                (void *)options);
    if (status == TMPALLOC_OK)
        status = label_rows(&rows);
    *ret = rows;
    return status;
}

void report_rows_release(struct report_rows *rows) {
    locations_destroy(rows->locations);
    labels_destroy(rows->labels);
    stack_filter_destroy(rows->filter);
    report_through_release(&rows->through);
    memory_release(rows->items);
    arena_deinit(&rows->storage);
}

struct report_amount report_rows_whole(const struct report_rows *rows) {
    const struct profile *profile = rows->profile;
    const struct snapshot_totals *totals = &profile->totals;
    return rows->options->all ? (struct report_amount){totals->allocations, totals->allocated_bytes}
                              : (struct report_amount){profile->count, profile->bytes};
}

struct report_amount report_rows_hidden(const struct report_rows *rows, size_t shown) {
    struct report_amount hidden = report_rows_whole(rows);
    for (size_t i = 0; i < shown; i++) {
        hidden.count -= rows->items[i].own.count;
        hidden.bytes -= rows->items[i].own.bytes;
    }
    return hidden;
}

/* Mixed sizes are too frequent for a line each. */
bool report_row_has_advice(const struct report_row *row) {
    const struct profile_site *site = row->site;
    return site && site->pattern != PATTERN_NONE &&
           (site->pattern != PATTERN_MIXED || profile_grows(site, row->chains));
}

size_t report_rows_append_advice(const struct report_rows *rows, const struct report_row *row,
                                 struct text *text) {
    if (!report_row_has_advice(row))
        return 0;
    struct text line;
    text_init(&line);
    labels_append(rows->labels, row->location, &line);
    text_append(&line, " ");
    profile_append_advice(&line, row->site, row->chains);
    text_printf(&line, " (tmpalloc site %u)\n", row->site->id);
    size_t lines = width_wrap(text, text_get(&line), rows->options->columns);
    text->failed |= line.failed;
    text_deinit(&line);
    return lines;
}

static size_t count_advice_lines(const struct report_rows *rows, const struct report_row *row) {
    struct text text;
    text_init(&text);
    size_t lines = report_rows_append_advice(rows, row, &text);
    text_deinit(&text);
    return lines;
}

static size_t lines_beside_rows(const struct report_rows *rows) {
    return LINES_BESIDE_ROWS + (rows->profile->limited ? LINES_OF_LIMIT : 0) +
           (rows->profile->totals.children > 0);
}

size_t report_rows_advice_lines(const struct report_rows *rows, size_t shown) {
    size_t screen = rows->options->terminal_rows;
    size_t taken = shown + lines_beside_rows(rows);
    /* Rows that were asked for go beyond the screen by themselves. */
    if (screen == 0 || (taken > screen && shown > ROWS_AT_LEAST))
        return SIZE_MAX;
    return taken < screen ? screen - taken : 0;
}

/* What fits the terminal with the advice below the table, at least ROWS_AT_LEAST. */
static size_t rows_that_fit(const struct report_rows *rows) {
    size_t lines = lines_beside_rows(rows);
    size_t fitting = 0;
    while (fitting < rows->count) {
        lines += 1 + count_advice_lines(rows, &rows->items[fitting]);
        if (lines > rows->options->terminal_rows)
            break;
        fitting++;
    }
    return fitting > ROWS_AT_LEAST ? fitting : ROWS_AT_LEAST;
}

size_t report_rows_shown(const struct report_rows *rows) {
    uint32_t asked = rows->options->rows;
    size_t limit = asked == 0 ? SIZE_MAX : asked == REPORT_ROWS_FIT ? rows_that_fit(rows) : asked;
    return limit < rows->count ? limit : rows->count;
}
