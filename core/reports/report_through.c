#include "reports/report_through.h"

#include <string.h>

#include "profile/profile_names.h"
#include "support/hash.h"
#include "support/memory.h"
#include "tmpalloc/status.h"

struct through_item {
    uint64_t row;
    const char *function;
    uint64_t bytes;
    uint64_t next_of_hash; /* numbers count from 1 */
    uint64_t next_of_row;
};

void report_through_release(struct report_through *through) {
    memory_release(through->items);
    map_deinit(&through->by_name);
    map_deinit(&through->by_row);
}

static uint64_t first_of(const struct map *map, uint64_t key) {
    uint64_t number = 0;
    map_get(map, key, &number);
    return number;
}

static int report_through_add_item(struct report_through *through, uint64_t hash,
                                   const struct through_item *item) {
    if (MEMORY_RESERVE(through->items, &through->capacity, through->count + 1))
        return TMPALLOC_E_NOMEM;
    through->items[through->count++] = *item;
    int status = map_put(&through->by_name, hash, through->count);
    return status == TMPALLOC_OK ? map_put(&through->by_row, item->row, through->count) : status;
}

int report_through_add(struct report_through *through, uint64_t row, const char *function,
                       uint64_t bytes) {
    uint64_t hash = hash_string(map_hash(row), function);
    uint64_t first = first_of(&through->by_name, hash);
    for (uint64_t number = first; number; number = through->items[number - 1].next_of_hash) {
        struct through_item *item = &through->items[number - 1];
        if (item->row != row || strcmp(item->function, function) != 0)
            continue;
        item->bytes += bytes;
        return TMPALLOC_OK;
    }
    const struct through_item item = {.row = row,
                                      .function = function,
                                      .bytes = bytes,
                                      .next_of_hash = first,
                                      .next_of_row = first_of(&through->by_row, row)};
    return report_through_add_item(through, hash, &item);
}

/* The latest come first, and of equal ones the first that was seen counts. */
bool report_through_append(const struct report_through *through, uint64_t row, struct text *text) {
    const struct through_item *most = NULL;
    size_t count = 0;
    for (uint64_t number = first_of(&through->by_row, row); number; count++) {
        const struct through_item *item = &through->items[number - 1];
        if (!most || item->bytes >= most->bytes)
            most = item;
        number = item->next_of_row;
    }
    if (!most)
        return false;
    const struct symbol symbol = {.function = most->function};
    text_append(text, " (");
    profile_append_short_name(text, &symbol);
    if (count > 1)
        text_printf(text, ", %zu more", count - 1);
    text_append(text, ")");
    return true;
}
