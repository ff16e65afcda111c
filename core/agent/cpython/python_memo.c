#include "agent/cpython/python_memo.h"

#include <string.h>

#include "tmpalloc/status.h"

static struct python_node *python_node_of(const struct memo_node *node) {
    return (struct python_node *)(uintptr_t)node;
}

static bool python_memo_look(const void *arg, const struct memo_node *node, uint32_t number,
                             struct memo_departure *ret) {
    (void)arg;
    const struct python_cell *cell = &python_node_of(node)->cells[number];
    ret->value = python_cell_read(cell);
    return ret->value == cell->value;
}

struct python_node *python_memo_find(const struct memo *memo, uintptr_t thread,
                                     struct python_node *guess, struct memo_departure *ret) {
    return python_node_of(
        memo_find(memo, thread, guess ? &guess->node : NULL, python_memo_look, NULL, ret));
}

static bool python_memo_departs(const struct memo_departure *departure,
                                const struct python_cell *cells, size_t count) {
    if (!departure->node || departure->cell >= count)
        return !departure->node;
    const struct python_cell *there = &python_node_of(departure->node)->cells[departure->cell];
    const struct python_cell *here = &cells[departure->cell];
    return here->place == there->place && here->mask == there->mask &&
           here->value == departure->value;
}

struct python_node *python_memo_add(struct memo *memo, uintptr_t thread,
                                    const struct memo_departure *departure,
                                    const struct python_cell *cells, size_t count) {
    if (!python_memo_departs(departure, cells, count))
        return NULL;
    struct python_node *node = memo_allocate(memo, sizeof *node + (count + 1) * sizeof *cells);
    if (!node)
        return NULL;
    *node = (struct python_node){
        .node = {.from = *departure, .root = thread, .cell_count = (uint32_t)count}};
    memcpy(node->cells, cells, count * sizeof *cells);
    node->cells[count] = (struct python_cell){.place = (uintptr_t)node, .mask = 0, .value = 1};
    return memo_link(memo, &node->node) == TMPALLOC_OK ? node : NULL;
}
