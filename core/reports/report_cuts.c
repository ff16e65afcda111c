#include "reports/report_cuts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "reports/report_width.h"
#include "support/memory.h"
#include "tmpalloc/status.h"

#define NUMBER_BYTES 32 /* of what tells those apart that nothing else does */

static void begin_result(struct cut *cut, struct text *results) {
    cut->result = results->length;
}

static void end_result(struct text *results) {
    text_append_bytes(results, "", 1);
}

static void report_cuts_fit(struct cut *cut, struct text *results) {
    begin_result(cut, results);
    width_fit(results, cut->whole, cut->width);
    end_result(results);
}

static void fit_around(struct cut *cut, size_t place, struct text *results) {
    begin_result(cut, results);
    width_fit_around(results, cut->whole, cut->width, place);
    end_result(results);
}

static void fit_numbered(struct cut *cut, size_t number, struct text *results) {
    char mark[NUMBER_BYTES];
    size_t length = (size_t)snprintf(mark, sizeof mark, " (%zu)", number);
    begin_result(cut, results);
    width_fit(results, cut->whole, cut->width > length ? cut->width - length : 0);
    text_append(results, mark);
    end_result(results);
}

static int report_cuts_compare(const void *left, const void *right, void *arg) {
    const struct cut *const *a = left, *const *b = right;
    const char *results = arg;
    int order = strcmp(results + (*a)->result, results + (*b)->result);
    return order ? order : strcmp((*a)->whole, (*b)->whole);
}

static bool report_cuts_read_the_same(const struct cut *a, const struct cut *b,
                                      const struct text *results) {
    return strcmp(results->data + a->result, results->data + b->result) == 0;
}

/* Where the first two of sorted strings differ that differ earliest, at the first byte of a
 * character; SIZE_MAX: they are all the same. */
static size_t find_difference(struct cut **group, size_t count) {
    const char *first = group[0]->whole, *last = group[count - 1]->whole;
    if (strcmp(first, last) == 0)
        return SIZE_MAX;
    size_t place = 0;
    while (first[place] == last[place])
        place++;
    while (place > 0 && ((unsigned char)first[place] & 0xc0) == 0x80)
        place--;
    return place;
}

static void report_cuts_tell_apart(struct cut **group, size_t count, size_t known,
                                   struct text *results);

/* Of cuts that were made in the same way. */
static void tell_equal_ones_apart(struct cut **cuts, size_t count, size_t known,
                                  struct text *results) {
    if (results->failed)
        return;
    qsort_r(cuts, count, sizeof *cuts, report_cuts_compare, results->data);
    for (size_t first = 0, end; first < count && !results->failed; first = end) {
        for (end = first + 1;
             end < count && report_cuts_read_the_same(cuts[first], cuts[end], results);)
            end++;
        report_cuts_tell_apart(cuts + first, end - first, known, results);
    }
}

/* Further on where that has not told all of them apart. */
static void report_cuts_tell_apart(struct cut **group, size_t count, size_t known,
                                   struct text *results) {
    size_t place = find_difference(group, count);
    if (place == SIZE_MAX)
        return;
    if (place <= known) {
        for (size_t i = 1; i < count; i++)
            fit_numbered(group[i], i + 1, results);
        return;
    }
    for (size_t i = 0; i < count; i++)
        fit_around(group[i], place, results);
    tell_equal_ones_apart(group, count, place, results);
}

int cuts_make(struct cut *cuts, size_t count, struct text *results) {
    struct cut **sorted = memory_allocate_zeroed(count + 1, sizeof *sorted);
    if (!sorted)
        return TMPALLOC_E_NOMEM;
    for (size_t i = 0; i < count; i++) {
        report_cuts_fit(&cuts[i], results);
        sorted[i] = &cuts[i];
    }
    tell_equal_ones_apart(sorted, count, 0, results);
    memory_release(sorted);
    return results->failed ? TMPALLOC_E_NOMEM : TMPALLOC_OK;
}
