#include "unwind/unwinder_memo.h"

#include <string.h>

#include "tmpalloc/status.h"

struct unwinder_node {
    struct memo_node node;
    const void *result;
    struct unwinder_cell cells[];
};

static struct unwinder_node *unwinder_node_of(const struct memo_node *node) {
    return (struct unwinder_node *)(uintptr_t)node;
}

struct unwinder_cell unwinder_cell_observe(const struct unwinder_cell *cell,
                                           const struct unwinder_thread *thread) {
    struct unwinder_cell seen = *cell;
    seen.missing = !thread->read(thread->arg, cell->kind, cell->place, &seen.value);
    if (seen.missing)
        seen.value = 0;
    else if (cell->relative)
        seen.value -= thread->stack_pointer;
    return seen;
}

static bool unwinder_memo_look(const void *arg, const struct memo_node *node, uint32_t number,
                               struct memo_departure *ret) {
    const struct unwinder_cell *cell = &unwinder_node_of(node)->cells[number];
    struct unwinder_cell seen = unwinder_cell_observe(cell, arg);
    ret->value = seen.value;
    ret->missing = seen.missing;
    return seen.value == cell->value && seen.missing == cell->missing;
}

const void *unwinder_memo_find(const struct memo *memo, const struct unwinder_thread *thread,
                               struct memo_departure *ret) {
    const struct memo_node *node =
        memo_find(memo, thread->pc, NULL, unwinder_memo_look, thread, ret);
    return node ? unwinder_node_of(node)->result : NULL;
}

static bool unwinder_memo_departs(const struct memo_departure *departure,
                                  const struct unwinder_cell *cells, uint32_t count) {
    if (!departure->node || departure->cell >= count)
        return !departure->node;
    const struct unwinder_cell *there = &unwinder_node_of(departure->node)->cells[departure->cell];
    const struct unwinder_cell *here = &cells[departure->cell];
    return here->kind == there->kind && here->place == there->place &&
           here->relative == there->relative && here->value == departure->value &&
           here->missing == departure->missing;
}

int unwinder_memo_add(struct memo *memo, uint64_t pc, const struct memo_departure *departure,
                      const struct unwinder_cell *cells, uint32_t count, const void *result) {
    if (!unwinder_memo_departs(departure, cells, count))
        return TMPALLOC_OK;
    struct unwinder_node *node = memo_allocate(memo, sizeof *node + count * sizeof *cells);
    if (!node)
        return TMPALLOC_E_NOMEM;
    *node = (struct unwinder_node){.node = {.from = *departure, .root = pc, .cell_count = count},
                                   .result = result};
    if (count)
        memcpy(node->cells, cells, count * sizeof *cells);
    return memo_link(memo, &node->node);
}
