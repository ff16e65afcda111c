/* Walks of three words that all read one after the other, two of which depart with one hash. */
#include <stdio.h>

#include "tmpalloc/status.h"
#include "unwind/memo.h"

#define WORDS 3
#define ROOT  7

struct walk {
    struct memo_node node;
    uint64_t words[WORDS];
};

static bool look(const void *arg, const struct memo_node *node, uint32_t cell,
                 struct memo_departure *ret) {
    ret->value = ((const uint64_t *)arg)[cell];
    return ret->value == ((const struct walk *)node)->words[cell];
}

/* Whether it was known. */
static bool visit(struct memo *memo, struct memo_node *guess, const uint64_t *words,
                  struct memo_node **ret) {
    struct memo_departure departure;
    *ret = memo_find(memo, ROOT, guess, look, words, &departure);
    if (*ret)
        return true;
    struct walk *walk = memo_allocate(memo, sizeof *walk);
    if (!walk)
        return false;
    *walk = (struct walk){.node = {.from = departure, .root = ROOT, .cell_count = WORDS},
                          .words = {words[0], words[1], words[2]}};
    *ret = &walk->node;
    if (memo_link(memo, *ret) != TMPALLOC_OK)
        puts("no memory");
    return false;
}

/* The value with which a departure at the cell has the hash of one at cell 0 with value 0. */
static uint64_t same_hash(const struct memo_node *node, uint32_t cell) {
    return map_hash((uintptr_t)node) - map_hash((uintptr_t)node + cell);
}

int main(void) {
    struct memo memo = {0};
    struct memo_node *root, *nodes[3], *found;
    const uint64_t first[WORDS] = {1, 2, 3};
    visit(&memo, NULL, first, &root);
    const uint64_t others[3][WORDS] = {
        {0, 2, 3}, {1, same_hash(root, 1), 3}, {1, 2, same_hash(root, 2)}};
    for (int i = 0; i < 3; i++)
        printf("%d", visit(&memo, NULL, others[i], &nodes[i]));
    printf(" %zu links, found", memo.links.count);
    for (int i = 0; i < 3; i++)
        printf(" %d", visit(&memo, NULL, others[i], &found) && found == nodes[i]);
    printf(", from others");
    for (int i = 0; i < 3; i++)
        printf(" %d",
               visit(&memo, nodes[i], others[(i + 1) % 3], &found) && found == nodes[(i + 1) % 3]);
    printf(", the root %d\n", visit(&memo, nodes[0], first, &found) && found == root);
    memo_deinit(&memo);
    return 0;
}
