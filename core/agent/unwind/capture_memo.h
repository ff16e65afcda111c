/* Walks found again by comparing their cells: the idea of unwinder_memo.h for the thread itself.
 *
 * The walks from one return address are a tree.  A node departs from another at cell k with value
 * v, and agrees with it before; so whichever node a lookup begins at, it ends at the one node that
 * agrees with the stack at hand, or at the one place where that node is missing. */
#ifndef TMPALLOC_AGENT_CAPTURE_MEMO_H
#define TMPALLOC_AGENT_CAPTURE_MEMO_H

#include "agent/unwind/capture_entry.h"
#include "agent/unwind/capture_walk.h"
#include "support/arena.h"
#include "support/map.h"

struct capture_node {
    uint64_t return_address;
    struct capture_entry *entry;
    const struct capture_node *from; /* NULL: a root */
    uint32_t link_cell;              /* where it departs */
    uint32_t cell_count;
    uint32_t flags;             /* of all cells */
    struct capture_start start; /* of the walk that it was made of */
    /* Places without flags; values are what the memory there held.  Register cells have the return
     * address as value, so that they read as memory that agrees; theirs is in `start`.  After them
     * come a cell that never agrees, and the flags of each, a byte. */
    struct capture_cell cells[];
};

/* All zeros is an empty memo. */
struct capture_memo {
    struct map roots; /* return address -> node */
    struct map links; /* hash of (node, cell, value) -> node */
    struct arena arena;
};

/* Where a walk is missing. */
struct capture_departure {
    const struct capture_node *node; /* NULL: there is no root */
    uint32_t cell;
};

void capture_memo_deinit(struct capture_memo *memo);
void capture_memo_clear(struct capture_memo *memo);

/* Begins at `guess`, a node with the same return address, or at the root when it is NULL.  NULL
 * with *ret filled: there is none. */
const struct capture_node *capture_memo_find(const struct capture_memo *memo,
                                             const struct capture_start *start,
                                             const struct capture_node *guess,
                                             struct capture_departure *ret);

/* Keeps a walk that was missing; NULL: it can't. */
const struct capture_node *capture_memo_add(struct capture_memo *memo,
                                            const struct capture_departure *departure,
                                            const struct capture_walk *walk,
                                            struct capture_entry *entry);

/* Whether a stack where all memory agrees agrees altogether.  One at another place may do so too,
 * but needs more thorough comparing. */
static inline bool capture_node_fits(const struct capture_node *node,
                                     const struct capture_start *start) {
    return node->flags == 0 || (start->return_slot == node->start.return_slot &&
                                (!(node->flags & CELL_FRAME_POINTER) ||
                                 start->frame_pointer == node->start.frame_pointer));
}

/* Whether all memory agrees, of a node with the same return address.  Reads a cell only if those
 * before it agree: nothing says that there is memory for the others. */
static inline bool capture_node_agrees(const struct capture_node *node,
                                       const struct capture_start *start) {
    const struct capture_cell *cell = node->cells;
    while (*(const uint64_t *)(start->return_slot + (uint64_t)cell->place) == cell->value)
        cell++;
    return cell == node->cells + node->cell_count;
}

#endif
