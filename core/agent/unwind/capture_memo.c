#include "agent/unwind/capture_memo.h"

#include "tmpalloc/status.h"

static struct capture_node *capture_node_of(const struct memo_node *node) {
    return (struct capture_node *)(uintptr_t)node;
}

static uint8_t *flags_of(const struct capture_node *node) {
    return (uint8_t *)(uintptr_t)&node->cells[node->node.cell_count + 1];
}

/* As the walk logged them. */
static int64_t capture_node_place(const struct capture_node *node, uint32_t cell) {
    return node->cells[cell].place | flags_of(node)[cell];
}

static uint64_t capture_node_value(const struct capture_node *node, uint32_t cell) {
    uint32_t flags = flags_of(node)[cell];
    if (flags & CELL_REGISTERS)
        return capture_cell_read(flags, &node->start);
    return node->cells[cell].value - (flags & CELL_RELATIVE ? node->start.return_slot : 0);
}

static bool capture_memo_look(const void *arg, const struct memo_node *node, uint32_t cell,
                              struct memo_departure *ret) {
    ret->value = capture_cell_read(capture_node_place(capture_node_of(node), cell), arg);
    return ret->value == capture_node_value(capture_node_of(node), cell);
}

const struct capture_node *capture_memo_find(const struct memo *memo,
                                             const struct capture_start *start,
                                             const struct capture_node *guess,
                                             struct memo_departure *ret) {
    uint64_t return_address = *(const uint64_t *)start->return_slot;
    struct memo_node *first = guess ? &capture_node_of(&guess->node)->node : NULL;
    return capture_node_of(memo_find(memo, return_address, first, capture_memo_look, start, ret));
}

static void keep_cells(struct capture_node *node, const struct capture_walk *walk) {
    for (uint32_t i = 0; i < node->node.cell_count; i++) {
        struct capture_cell cell = walk->cells[i];
        uint32_t flags = (uint32_t)cell.place & CELL_FLAGS;
        if (flags & CELL_REGISTERS)
            cell.value = node->node.root;
        else if (flags & CELL_RELATIVE)
            cell.value += node->start.return_slot;
        cell.place &= ~CELL_FLAGS;
        node->cells[i] = cell;
        node->node.flags |= flags;
        flags_of(node)[i] = (uint8_t)flags;
    }
    node->cells[node->node.cell_count] = (struct capture_cell){.value = ~node->node.root};
}

static bool capture_memo_departs(const struct capture_walk *walk,
                                 const struct memo_departure *departure) {
    if (!departure->node || departure->cell >= walk->cell_count)
        return !departure->node;
    const struct capture_cell *here = &walk->cells[departure->cell];
    return here->place == capture_node_place(capture_node_of(departure->node), departure->cell) &&
           here->value == departure->value;
}

const struct capture_node *capture_memo_add(struct memo *memo,
                                            const struct memo_departure *departure,
                                            const struct capture_walk *walk,
                                            struct capture_entry *entry) {
    size_t bytes = (walk->cell_count + 1) * sizeof walk->cells[0] + walk->cell_count;
    if (!capture_memo_departs(walk, departure))
        return NULL;
    struct capture_node *node = memo_allocate(memo, sizeof *node + bytes);
    if (!node)
        return NULL;
    *node = (struct capture_node){.node = {.from = *departure,
                                           .root = walk->pcs[0],
                                           .cell_count = (uint32_t)walk->cell_count},
                                  .entry = entry,
                                  .start = walk->start};
    keep_cells(node, walk);
    return memo_link(memo, &node->node) == TMPALLOC_OK ? node : NULL;
}
