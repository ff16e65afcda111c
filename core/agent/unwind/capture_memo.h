/* The memo (../../unwind/memo.h) of the calling thread's walks, whose roots are return addresses.
 *
 * Nearly every allocation is told by the two functions at the end alone, which are inline for that:
 * capture.c guesses the node, and they compare it with the stack.  So its cells are kept as that
 * loop wants them, two words each and no case to be told from another, and a sentinel ends it. */
#ifndef TMPALLOC_AGENT_CAPTURE_MEMO_H
#define TMPALLOC_AGENT_CAPTURE_MEMO_H

#include "agent/unwind/capture_entry.h"
#include "agent/unwind/capture_walk.h"
#include "unwind/memo.h"

struct capture_node {
    struct memo_node node; /* with the flags of all cells */
    struct capture_entry *entry;
    struct capture_start start; /* of the walk that it was made of */
    /* Places without flags; values are what the memory there held.  Register cells have the return
     * address as value, so that they read as memory that agrees; theirs is in `start`.  After them
     * come a cell that never agrees, and the flags of each, a byte. */
    struct capture_cell cells[];
};

/* Begins at `guess`, a node with the same return address, or at the root when it is NULL.  NULL
 * with *ret filled: there is none. */
const struct capture_node *capture_memo_find(const struct memo *memo,
                                             const struct capture_start *start,
                                             const struct capture_node *guess,
                                             struct memo_departure *ret);

/* Keeps a walk that was missing; NULL: it can't. */
const struct capture_node *capture_memo_add(struct memo *memo,
                                            const struct memo_departure *departure,
                                            const struct capture_walk *walk,
                                            struct capture_entry *entry);

/* Whether a stack where all memory agrees agrees altogether.  One at another place may do so too,
 * but needs more thorough comparing. */
static inline bool capture_node_fits(const struct capture_node *node,
                                     const struct capture_start *start) {
    return node->node.flags == 0 || (start->return_slot == node->start.return_slot &&
                                     (!(node->node.flags & CELL_FRAME_POINTER) ||
                                      start->frame_pointer == node->start.frame_pointer));
}

/* Whether all memory agrees, of a node with the same return address.  Reads a cell only if those
 * before it agree: nothing says that there is memory for the others. */
static inline bool capture_node_agrees(const struct capture_node *node,
                                       const struct capture_start *start) {
    const struct capture_cell *cell = node->cells;
    while (*(const uint64_t *)(start->return_slot + (uint64_t)cell->place) == cell->value)
        cell++;
    return cell == node->cells + node->node.cell_count;
}

#endif
