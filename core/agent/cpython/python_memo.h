/* The memo (../../unwind/memo.h) of walks of Python frames, whose roots are thread states: of
 * memory anywhere. */
#ifndef TMPALLOC_AGENT_PYTHON_MEMO_H
#define TMPALLOC_AGENT_PYTHON_MEMO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "unwind/memo.h"

/* What a walk read: some bytes of the word at `place`, or all. */
struct python_cell {
    uint64_t place;
    uint64_t mask;
    uint64_t value; /* of these bytes, the others are 0 */
};

struct python_node {
    struct memo_node node;
    void *result;               /* of the caller */
    struct python_node *next;   /* the caller's guess at the node that is found after this one */
    uint64_t made;              /* the caller's: when the result was right */
    struct python_cell cells[]; /* and one more, which never agrees */
};

/* Begins at `guess`, a node of that thread state, or at the root when it is NULL.  NULL with *ret
 * filled: there is none. */
struct python_node *python_memo_find(const struct memo *memo, uintptr_t thread,
                                     struct python_node *guess, struct memo_departure *ret);

/* Keeps a walk that was missing; NULL: it can't.  `cells` are copied. */
struct python_node *python_memo_add(struct memo *memo, uintptr_t thread,
                                    const struct memo_departure *departure,
                                    const struct python_cell *cells, size_t count);

static inline uint64_t python_cell_read(const struct python_cell *cell) {
    return *(const uint64_t *)(uintptr_t)cell->place & cell->mask;
}

/* Whether all memory agrees.  Reads a cell only if those before it agree: their values lead to it.
 */
static inline bool python_node_agrees(const struct python_node *node) {
    const struct python_cell *cell = node->cells;
    while (python_cell_read(cell) == cell->value)
        cell++;
    return cell == node->cells + node->node.cell_count;
}

#endif
