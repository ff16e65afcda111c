#include "reports/report_changes.h"

#include <stdlib.h>
#include <string.h>

#include "profile/profile_names.h"
#include "profile/stack_filter.h"
#include "support/memory.h"
#include "tmpalloc/status.h"

const char *const report_change_names[CHANGE_KINDS] = {"new", "worse", "better", "gone",
                                                       "unchanged"};

void report_amounts_add(struct report_pair *sum, const struct report_pair *part) {
    sum->before.count += part->before.count;
    sum->before.bytes += part->before.bytes;
    sum->after.count += part->after.count;
    sum->after.bytes += part->after.bytes;
}

static enum report_change_kind judge_pair(const struct report_pair *pair) {
    if (pair->before.count == 0)
        return CHANGE_NEW;
    if (pair->after.count == 0)
        return CHANGE_GONE;
    if (pair->after.bytes != pair->before.bytes)
        return pair->after.bytes > pair->before.bytes ? CHANGE_WORSE : CHANGE_BETTER;
    if (pair->after.count != pair->before.count)
        return pair->after.count > pair->before.count ? CHANGE_WORSE : CHANGE_BETTER;
    return CHANGE_NONE;
}

static void judge_pairs(struct report_changes *changes, const struct report_pairs *pairs,
                        struct stack_filter *filter) {
    for (size_t i = 0; i < pairs->count; i++) {
        const struct report_pair *pair = &pairs->items[i];
        enum report_change_kind kind = judge_pair(pair);
        if (!stack_filter_matches(filter, &pair->site->stack))
            continue;
        changes->counts[kind]++;
        report_amounts_add(&changes->total, pair);
        changes->items[changes->all++] = (struct report_change){*pair, kind, i};
        if (kind == CHANGE_NONE)
            report_amounts_add(&changes->unchanged, pair);
        else
            changes->count++;
    }
}

static uint64_t report_changes_distance(uint64_t a, uint64_t b) {
    return a > b ? a - b : b - a;
}

static int compare_changes(const void *left, const void *right) {
    const struct report_change *a = left;
    const struct report_change *b = right;
    uint64_t x = report_changes_distance(a->pair.before.bytes, a->pair.after.bytes);
    uint64_t y = report_changes_distance(b->pair.before.bytes, b->pair.after.bytes);
    if (x == y) {
        x = report_changes_distance(a->pair.before.count, a->pair.after.count);
        y = report_changes_distance(b->pair.before.count, b->pair.after.count);
    }
    if (x != y)
        return x > y ? -1 : 1;
    return a->order < b->order ? -1 : a->order > b->order;
}

static int report_changes_compare_names(const void *left, const void *right, void *arg) {
    const struct report_change *const *a = left, *const *b = right;
    const char *names = arg;
    return strcmp(names + (*a)->name, names + (*b)->name);
}

static int find_alike(struct report_change *items, size_t count, struct text *names) {
    struct report_change **sorted = memory_allocate_zeroed(count + 1, sizeof *sorted);
    if (!sorted)
        return TMPALLOC_E_NOMEM;
    for (size_t i = 0; i < count; i++) {
        sorted[i] = &items[i];
        items[i].name = names->length;
        profile_append_location(names, profile_location(items[i].pair.site));
        text_append_bytes(names, "", 1);
    }
    int status = names->failed ? TMPALLOC_E_NOMEM : TMPALLOC_OK;
    if (status == TMPALLOC_OK && count > 0)
        qsort_r(sorted, count, sizeof *sorted, report_changes_compare_names, names->data);
    for (size_t i = 1; i < count && status == TMPALLOC_OK; i++) {
        if (report_changes_compare_names(&sorted[i - 1], &sorted[i], names->data) == 0)
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

void report_change_append_name(struct text *text, const struct report_change *change) {
    if (change->alike)
        append_all_called(text, change->pair.site);
    else
        profile_append_location(text, profile_location(change->pair.site));
}

void report_change_append_difference(struct text *text, const struct report_pair *pair) {
    bool less = pair->after.bytes < pair->before.bytes;
    if (pair->after.bytes != pair->before.bytes)
        text_append(text, less ? "-" : "+");
    text_append_size(text, report_changes_distance(pair->before.bytes, pair->after.bytes));
}

void report_changes_append_counts(struct text *text, const struct report_changes *changes,
                                  uint32_t threshold) {
    for (size_t i = 0; i < CHANGE_KINDS; i++)
        text_printf(text, "%s%zu %s", i > 0 ? ", " : "", changes->counts[i],
                    report_change_names[i]);
    text_printf(text, " at threshold %u", threshold);
}

static int find_changes(struct report_changes *changes, const struct report_pairs *pairs,
                        const regex_t *at) {
    struct stack_filter *filter;
    struct text names;
    changes->items = memory_allocate_zeroed(pairs->count + 1, sizeof *changes->items);
    int status = changes->items ? stack_filter_create(at, 1, &filter) : TMPALLOC_E_NOMEM;
    if (status != TMPALLOC_OK)
        return status;
    judge_pairs(changes, pairs, filter);
    if (stack_filter_failed(filter))
        status = TMPALLOC_E_NOMEM;
    stack_filter_destroy(filter);
    if (status != TMPALLOC_OK)
        return status;
    qsort(changes->items, changes->all, sizeof *changes->items, compare_changes);
    text_init(&names);
    status = find_alike(changes->items, changes->count, &names);
    text_deinit(&names);
    return status;
}

int report_changes_create(const struct profile *before, const struct profile *after,
                          const regex_t *at, struct report_changes *ret) {
    struct report_pairs pairs;
    *ret = (struct report_changes){0};
    int status = report_pairs_init(&pairs, before, after);
    if (status == TMPALLOC_OK)
        status = find_changes(ret, &pairs, at);
    report_pairs_deinit(&pairs);
    return status;
}

void report_changes_release(struct report_changes *changes) {
    memory_release(changes->items);
}
