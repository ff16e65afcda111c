#include "unwind/unwinder_memo.h"

#include <string.h>

#include "tmpalloc/status.h"

void memo_deinit(struct memo *memo) {
    map_deinit(&memo->roots);
    map_deinit(&memo->links);
    arena_deinit(&memo->arena);
}

struct memo_cell memo_observe(const struct memo_cell *cell, uint64_t stack_pointer, memo_read read,
                              void *arg) {
    struct memo_cell seen = *cell;
    seen.missing = !read(arg, cell->kind, cell->place, &seen.value);
    if (seen.missing)
        seen.value = 0;
    else if (cell->relative)
        seen.value -= stack_pointer;
    return seen;
}

static bool same_value(const struct memo_cell *one, const struct memo_cell *other) {
    return one->value == other->value && one->missing == other->missing;
}

static uint64_t hash_link(const struct memo_entry *from, uint32_t cell,
                          const struct memo_cell *seen) {
    uint64_t hash = map_hash((uintptr_t)from + cell);
    return hash ^ map_hash(seen->value + hash + seen->missing);
}

/* The hash alone doesn't make a link: the entry must say the same. */
static const struct memo_entry *follow(const struct memo *memo, const struct memo_entry *from,
                                       uint32_t cell, const struct memo_cell *seen) {
    uint64_t value;
    if (!map_get(&memo->links, hash_link(from, cell, seen), &value))
        return NULL;
    const struct memo_entry *entry = (const struct memo_entry *)(uintptr_t)value;
    bool valid =
        entry->from == from && entry->link_cell == cell && same_value(&entry->cells[cell], seen);
    return valid ? entry : NULL;
}

const void *memo_find(const struct memo *memo, uint64_t pc, uint64_t stack_pointer, memo_read read,
                      void *arg, struct memo_departure *ret) {
    uint64_t root;
    *ret = (struct memo_departure){0};
    if (!map_get(&memo->roots, pc, &root))
        return NULL;
    const struct memo_entry *entry = (const struct memo_entry *)(uintptr_t)root;
    for (uint32_t i = 0; i < entry->cell_count; i++) {
        struct memo_cell seen = memo_observe(&entry->cells[i], stack_pointer, read, arg);
        if (same_value(&seen, &entry->cells[i]))
            continue;
        const struct memo_entry *next = follow(memo, entry, i, &seen);
        if (!next) {
            *ret = (struct memo_departure){.entry = entry, .cell = i};
            return NULL;
        }
        entry = next;
    }
    return entry->result;
}

int memo_add(struct memo *memo, uint64_t pc, const struct memo_departure *departure,
             const struct memo_cell *cells, uint32_t count, const void *result) {
    struct memo_entry *entry = arena_allocate(&memo->arena, 1, sizeof *entry);
    struct memo_cell *copy = arena_allocate(&memo->arena, count, sizeof *copy);
    if (!entry || !copy)
        return TMPALLOC_E_NOMEM;
    if (count)
        memcpy(copy, cells, count * sizeof *copy);
    *entry = (struct memo_entry){.cells = copy,
                                 .cell_count = count,
                                 .from = departure->entry,
                                 .link_cell = departure->cell,
                                 .result = result};
    struct map *map = departure->entry ? &memo->links : &memo->roots;
    uint64_t key = pc;
    if (departure->entry)
        key = hash_link(departure->entry, departure->cell, &copy[departure->cell]);
    return map_put(map, key, (uintptr_t)entry) ? TMPALLOC_E_NOMEM : TMPALLOC_OK;
}
