/* Walks of Python frames found again by comparing what they read: as capture_memo.h has it, for
 * memory anywhere.
 *
 * The walks of one thread state are a tree.  A node departs from another at cell k, and agrees with
 * it before; so a look-up that begins at any node ends at the one that agrees with memory as it is
 * now, or at the one place where that node is missing. */
#ifndef TMPALLOC_AGENT_PYTHON_MEMO_H
#define TMPALLOC_AGENT_PYTHON_MEMO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "support/arena.h"
#include "support/map.h"

/* What a walk read: some bytes of the word at `place`, or all. */
struct python_cell {
    uint64_t place;
    uint64_t mask;
    uint64_t value; /* of these bytes, the others are 0 */
};

struct python_node {
    uintptr_t thread;         /* the state that the walk began at */
    void *result;             /* of the caller */
    struct python_node *next; /* the caller's guess at the node that is found after this one */
    uint64_t made;            /* the caller's: when the result was right */
    struct python_node *from; /* NULL: a root */
    uint32_t link_cell;       /* where it departs */
    uint32_t cell_count;
    struct python_cell cells[]; /* and one more, which never agrees */
};

/* All zeros is an empty memo. */
struct python_memo {
    struct map roots; /* thread state -> node */
    struct map links; /* hash of (node, cell, value) -> node */
    struct arena arena;
};

/* Where a walk is missing. */
struct python_departure {
    struct python_node *node; /* NULL: there is no root */
    uint32_t cell;
};

void python_memo_deinit(struct python_memo *memo);

/* Begins at `guess`, a node of that thread state, or at the root when it is NULL.  NULL with *ret
 * filled: there is none. */
struct python_node *python_memo_find(const struct python_memo *memo, uintptr_t thread,
                                     struct python_node *guess, struct python_departure *ret);

/* Keeps a walk that was missing; NULL: it can't.  `cells` are copied. */
struct python_node *python_memo_add(struct python_memo *memo, uintptr_t thread,
                                    const struct python_departure *departure,
                                    const struct python_cell *cells, size_t count);

static inline uint64_t python_cell_read(const struct python_cell *cell) {
    return *(const uint64_t *)(uintptr_t)cell->place & cell->mask;
}

/* The first cell from `first` on that differs, or their number.  Reads a cell only if those before
 * it agree: their values lead to it. */
static inline uint32_t python_node_agrees(const struct python_node *node, uint32_t first) {
    const struct python_cell *cell = node->cells + first;
    while (python_cell_read(cell) == cell->value)
        cell++;
    return (uint32_t)(cell - node->cells);
}

#endif
