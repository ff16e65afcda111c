#include "profile/labels.h"

#include <stdlib.h>
#include <string.h>

#include "profile/profile_names.h"
#include "support/memory.h"

struct label {
    const struct symbol *symbol;
    size_t text; /* offset of its short form in `texts` */
    struct name_detail detail;
};

struct labels {
    struct locations *locations;
    struct label *items; /* by number of the location */
    size_t capacity;
    struct text texts; /* NUL-terminated, one after the other */
};

static int labels_compare(const void *left, const void *right, void *arg) {
    const struct label *const *a = left, *const *b = right;
    const char *texts = arg;
    return strcmp(texts + (*a)->text, texts + (*b)->text);
}

static const char *get_path(const struct symbol *symbol) {
    return symbol->file ? symbol->file : symbol->module;
}

static void labels_tell_two_apart(struct label *one, struct label *other) {
    const char *path = get_path(one->symbol), *other_path = get_path(other->symbol);
    bool names = !text_same(one->symbol->function, other->symbol->function);
    size_t parts = path && other_path ? profile_parts_that_differ(path, other_path) : 1;
    one->detail.whole_name |= names;
    other->detail.whole_name |= names;
    if (parts > one->detail.path_parts)
        one->detail.path_parts = parts;
    if (parts > other->detail.path_parts)
        other->detail.path_parts = parts;
}

/* The labels of one text, each compared with all others. */
static void tell_group_apart(struct label **group, size_t count) {
    for (size_t i = 1; i < count; i++) {
        for (size_t k = 0; k < i; k++)
            labels_tell_two_apart(group[i], group[k]);
    }
}

int labels_tell_apart(struct labels *labels) {
    size_t count = locations_count(labels->locations);
    struct label **sorted = count > 0 ? memory_allocate_zeroed(count, sizeof *sorted) : NULL;
    if (!sorted)
        return count > 0 ? TMPALLOC_E_NOMEM : TMPALLOC_OK;
    char *texts = labels->texts.data;
    for (size_t i = 0; i < count; i++)
        sorted[i] = &labels->items[i];
    qsort_r(sorted, count, sizeof *sorted, labels_compare, texts);
    for (size_t first = 0, end; first < count; first = end) {
        for (end = first + 1; end < count && !labels_compare(&sorted[first], &sorted[end], texts);)
            end++;
        tell_group_apart(sorted + first, end - first);
    }
    memory_release(sorted);
    return TMPALLOC_OK;
}

int labels_create(struct labels **ret) {
    struct labels *labels = memory_allocate_zeroed(1, sizeof *labels);
    if (!labels)
        return TMPALLOC_E_NOMEM;
    text_init(&labels->texts);
    int status = locations_create(&labels->locations);
    if (status == TMPALLOC_OK)
        *ret = labels;
    else
        labels_destroy(labels);
    return status;
}

int labels_add(struct labels *labels, const struct symbol *symbol) {
    uint32_t known = locations_count(labels->locations);
    uint32_t number = locations_intern(labels->locations, symbol);
    if (number < known)
        return TMPALLOC_OK;
    if (number == LOCATION_NONE ||
        MEMORY_RESERVE(labels->items, &labels->capacity, (size_t)number + 1))
        return TMPALLOC_E_NOMEM;
    labels->items[number] = (struct label){symbol, labels->texts.length, {.path_parts = 1}};
    profile_append_location(&labels->texts, symbol);
    text_append_bytes(&labels->texts, "", 1);
    return labels->texts.failed ? TMPALLOC_E_NOMEM : TMPALLOC_OK;
}

void labels_destroy(struct labels *labels) {
    if (!labels)
        return;
    locations_destroy(labels->locations);
    text_deinit(&labels->texts);
    memory_release(labels->items);
    memory_release(labels);
}

void labels_append(const struct labels *labels, const struct symbol *symbol, struct text *text) {
    uint32_t number = locations_intern(labels->locations, symbol);
    if (number == LOCATION_NONE)
        text->failed = true;
    else
        profile_append_detailed(text, symbol, labels->items[number].detail);
}
