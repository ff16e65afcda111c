/* Read-set memoisation: walks found again by comparing what they read.  Compiled into the agent as
 * well.
 *
 * What a walk finds is a function of where it begins, its root (a pc, a thread), and of the cells
 * that it reads one after the other, each of which says where the next one is.  So each distinct
 * walk is kept as a node with its cells in the order of reading: where they all hold what they held
 * then, the walk is the same.  Nothing is compared that a fresh walk wouldn't read, and nothing
 * that it would read is left out.
 *
 * The nodes of one root are a tree.  A node departs from another at cell k with value v, and agrees
 * with it before.  Looking one up begins at any of them and compares cells.  At the first one that
 * differs it climbs to the node that departs no later, which has the same cells up to there, and
 * where that differs as well, follows the link (node, k, v) to the one that agrees up to and
 * including k.  So it ends at the one node that agrees with what is there now, or at the one place
 * where that node is missing, which is where the new walk's is to be linked: none is kept twice.
 *
 * Cells are the owner's, and so is their place, after the node.  Nodes never move. */
#ifndef TMPALLOC_MEMO_H
#define TMPALLOC_MEMO_H

#include <stdbool.h>
#include <stdint.h>

#include "support/arena.h"
#include "support/map.h"

/* A cell of a node that holds something else now. */
struct memo_departure {
    struct memo_node *node; /* NULL: there isn't even a root */
    uint32_t cell;
    bool missing; /* it can't be read; the value is 0 */
    uint64_t value;
};

struct memo_node {
    struct memo_departure from; /* node NULL: a root */
    uint64_t root;
    uint32_t cell_count;
    uint32_t flags; /* the owner's */
};

/* All zeros is an empty memo. */
struct memo {
    struct map roots; /* root -> node */
    struct map links; /* hash of a departure -> node */
    struct arena arena;
};

void memo_deinit(struct memo *memo);
/* Forgets all nodes, and keeps room for others. */
void memo_clear(struct memo *memo);

/* A node of these bytes, with the cells after it, to be filled and linked; NULL: no memory. */
void *memo_allocate(struct memo *memo, size_t bytes);

/* The walk's first and only node without a departure; NULL: there is none. */
struct memo_node *memo_root(const struct memo *memo, uint64_t root);
/* The node that departs so; NULL: there is none. */
struct memo_node *memo_follow(const struct memo *memo, const struct memo_departure *departure);
/* Lets a node be found that was missing at its `from`.  Its walk must have read there what look-up
 * saw: where another thread writes in between it isn't worth keeping.  TMPALLOC_OK or
 * TMPALLOC_E_NOMEM. */
int memo_link(struct memo *memo, struct memo_node *node);

/* Whether a node's cell holds the same now; else fills missing and value. */
typedef bool (*memo_look)(const void *arg, const struct memo_node *node, uint32_t cell,
                          struct memo_departure *ret);

/* The node that departs before this cell or at none, as the given one does up to it. */
static inline struct memo_node *memo_climb(struct memo_node *node, uint32_t cell) {
    while (node->from.node && cell <= node->from.cell)
        node = node->from.node;
    return node;
}

/* Begins at `guess`, a node of that root, or at the root itself when it is NULL.  NULL with *ret
 * filled: there is none.  Inline for `look`, which is most of it. */
static inline __attribute__((always_inline)) struct memo_node *
memo_find(const struct memo *memo, uint64_t root, struct memo_node *guess, memo_look look,
          const void *arg, struct memo_departure *ret) {
    struct memo_node *node = guess ? guess : memo_root(memo, root);
    *ret = (struct memo_departure){0};
    for (uint32_t i = 0; node && i < node->cell_count;) {
        struct memo_departure seen = {.node = node, .cell = i};
        if (look(arg, node, i, &seen)) {
            i++;
            continue;
        }
        struct memo_node *inner = node;
        node = memo_climb(inner, i);
        if (node == inner && !(node = memo_follow(memo, &seen)))
            *ret = seen;
    }
    return node;
}

#endif
