#include "agent/cpython/python_memo.h"

#include <string.h>

void python_memo_deinit(struct python_memo *memo) {
    map_deinit(&memo->roots);
    map_deinit(&memo->links);
    arena_deinit(&memo->arena);
}

static uint64_t hash_link(const struct python_node *from, uint32_t cell, uint64_t value) {
    return map_hash(map_hash((uintptr_t)from + cell) + value);
}

static struct python_node *node_at(uint64_t value) {
    return (struct python_node *)(uintptr_t)value;
}

/* The hash alone doesn't make a link: the node must say the same. */
static struct python_node *follow(const struct python_memo *memo, const struct python_node *from,
                                  uint32_t cell, uint64_t value) {
    uint64_t found;
    uint64_t hash = hash_link(from, cell, value);
    for (; map_get(&memo->links, hash, &found); hash++) {
        struct python_node *node = node_at(found);
        if (node->from == from && node->link_cell == cell && node->cells[cell].value == value)
            return node;
    }
    return NULL;
}

/* The node that agrees as far as this one does, and further than all that depart later. */
static struct python_node *climb(struct python_node *node, uint32_t cell) {
    while (node->from && cell <= node->link_cell)
        node = node->from;
    return node;
}

struct python_node *python_memo_find(const struct python_memo *memo, uintptr_t thread,
                                     struct python_node *guess, struct python_departure *ret) {
    uint64_t root;
    uint32_t agreed = 0;
    struct python_node *node = guess;
    *ret = (struct python_departure){0};
    if (!node && map_get(&memo->roots, thread, &root))
        node = node_at(root);
    while (node) {
        agreed = python_node_agrees(node, agreed);
        if (agreed == node->cell_count)
            return node;
        node = climb(node, agreed);
        uint64_t value = python_cell_read(&node->cells[agreed]);
        if (value == node->cells[agreed].value)
            continue;
        *ret = (struct python_departure){.node = node, .cell = agreed};
        node = follow(memo, node, agreed, value);
    }
    return NULL;
}

static int link_node(struct python_memo *memo, const struct python_node *node) {
    uint64_t ignored;
    if (!node->from)
        return map_put(&memo->roots, node->thread, (uintptr_t)node);
    uint64_t hash = hash_link(node->from, node->link_cell, node->cells[node->link_cell].value);
    while (map_get(&memo->links, hash, &ignored))
        hash++;
    return map_put(&memo->links, hash, (uintptr_t)node);
}

/* Where they part, both must have read the same: another thread may have written in between. */
static bool departs(const struct python_departure *departure, const struct python_cell *cells,
                    size_t count) {
    const struct python_node *node = departure->node;
    return !node || (departure->cell < count &&
                     cells[departure->cell].place == node->cells[departure->cell].place);
}

struct python_node *python_memo_add(struct python_memo *memo, uintptr_t thread,
                                    const struct python_departure *departure,
                                    const struct python_cell *cells, size_t count) {
    if (!departs(departure, cells, count))
        return NULL;
    struct python_node *node =
        arena_allocate(&memo->arena, 1, sizeof *node + (count + 1) * sizeof *cells);
    if (!node)
        return NULL;
    *node = (struct python_node){.thread = thread,
                                 .from = departure->node,
                                 .link_cell = departure->cell,
                                 .cell_count = (uint32_t)count};
    memcpy(node->cells, cells, count * sizeof *cells);
    node->cells[count] = (struct python_cell){.place = (uintptr_t)node, .mask = 0, .value = 1};
    return link_node(memo, node) ? NULL : node;
}
