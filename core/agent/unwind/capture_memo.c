#include "agent/unwind/capture_memo.h"

void capture_memo_deinit(struct capture_memo *memo) {
    map_deinit(&memo->roots);
    map_deinit(&memo->links);
    arena_deinit(&memo->arena);
}

void capture_memo_clear(struct capture_memo *memo) {
    map_clear(&memo->roots);
    map_clear(&memo->links);
    arena_deinit(&memo->arena);
}

static uint8_t *flags_of(const struct capture_node *node) {
    return (uint8_t *)(uintptr_t)&node->cells[node->cell_count + 1];
}

/* As the walk logged them. */
static int64_t place_of(const struct capture_node *node, uint32_t cell) {
    return node->cells[cell].place | flags_of(node)[cell];
}

static uint64_t value_of(const struct capture_node *node, uint32_t cell) {
    uint32_t flags = flags_of(node)[cell];
    if (flags & CELL_REGISTERS)
        return capture_cell_read(flags, &node->start);
    return node->cells[cell].value - (flags & CELL_RELATIVE ? node->start.return_slot : 0);
}

static uint64_t hash_link(const struct capture_node *from, uint32_t cell, uint64_t value) {
    return map_hash((uintptr_t)from + cell) ^ value;
}

/* The hash alone doesn't make a link: the node must say the same. */
static const struct capture_node *follow(const struct capture_memo *memo,
                                         const struct capture_node *from, uint32_t cell,
                                         uint64_t value) {
    uint64_t found;
    if (!map_get(&memo->links, hash_link(from, cell, value), &found))
        return NULL;
    const struct capture_node *node = (const struct capture_node *)(uintptr_t)found;
    bool same = node->from == from && node->link_cell == cell && value_of(node, cell) == value;
    return same ? node : NULL;
}

static const struct capture_node *find_root(const struct capture_memo *memo,
                                            uint64_t return_address) {
    uint64_t found;
    bool known = map_get(&memo->roots, return_address, &found);
    return known ? (const struct capture_node *)(uintptr_t)found : NULL;
}

/* The node that agrees as far as this one does and further than all others that depart later. */
static const struct capture_node *climb(const struct capture_node *node, uint32_t cell) {
    while (node->from && cell <= node->link_cell)
        node = node->from;
    return node;
}

const struct capture_node *capture_memo_find(const struct capture_memo *memo,
                                             const struct capture_start *start,
                                             const struct capture_node *guess,
                                             struct capture_departure *ret) {
    const struct capture_node *node = guess;
    *ret = (struct capture_departure){0};
    if (!node)
        node = find_root(memo, *(const uint64_t *)start->return_slot);
    if (!node)
        return NULL;
    for (uint32_t i = 0; i < node->cell_count; i++) {
        uint64_t value = capture_cell_read(place_of(node, i), start);
        if (value == value_of(node, i))
            continue;
        node = climb(node, i);
        if (value == value_of(node, i))
            continue;
        const struct capture_node *next = follow(memo, node, i, value);
        if (!next) {
            *ret = (struct capture_departure){.node = node, .cell = i};
            return NULL;
        }
        node = next;
    }
    return node;
}

static void keep_cells(struct capture_node *node, const struct capture_walk *walk) {
    for (uint32_t i = 0; i < node->cell_count; i++) {
        struct capture_cell cell = walk->cells[i];
        uint32_t flags = (uint32_t)cell.place & CELL_FLAGS;
        if (flags & CELL_REGISTERS)
            cell.value = node->return_address;
        else if (flags & CELL_RELATIVE)
            cell.value += node->start.return_slot;
        cell.place &= ~CELL_FLAGS;
        node->cells[i] = cell;
        node->flags |= flags;
        flags_of(node)[i] = (uint8_t)flags;
    }
    node->cells[node->cell_count] = (struct capture_cell){.value = ~node->return_address};
}

/* A stack that another thread writes to while it is walked isn't worth keeping. */
static bool departs(const struct capture_walk *walk, const struct capture_departure *departure) {
    return !departure->node ||
           (departure->cell < walk->cell_count &&
            walk->cells[departure->cell].place == place_of(departure->node, departure->cell));
}

static int link_node(struct capture_memo *memo, const struct capture_node *node) {
    uintptr_t value = (uintptr_t)node;
    if (!node->from)
        return map_put(&memo->roots, node->return_address, value);
    uint64_t hash = hash_link(node->from, node->link_cell, value_of(node, node->link_cell));
    return map_put(&memo->links, hash, value);
}

const struct capture_node *capture_memo_add(struct capture_memo *memo,
                                            const struct capture_departure *departure,
                                            const struct capture_walk *walk,
                                            struct capture_entry *entry) {
    size_t bytes = (walk->cell_count + 1) * sizeof walk->cells[0] + walk->cell_count;
    if (!departs(walk, departure))
        return NULL;
    struct capture_node *node = arena_allocate(&memo->arena, 1, sizeof *node + bytes);
    if (!node)
        return NULL;
    *node = (struct capture_node){.return_address = walk->pcs[0],
                                  .entry = entry,
                                  .from = departure->node,
                                  .link_cell = departure->cell,
                                  .cell_count = (uint32_t)walk->cell_count,
                                  .start = walk->start};
    keep_cells(node, walk);
    return link_node(memo, node) ? NULL : node;
}
