#include "unwind/memo.h"

#include "tmpalloc/status.h"

void memo_deinit(struct memo *memo) {
    map_deinit(&memo->roots);
    map_deinit(&memo->links);
    arena_deinit(&memo->arena);
}

void memo_clear(struct memo *memo) {
    map_clear(&memo->roots);
    map_clear(&memo->links);
    arena_deinit(&memo->arena);
}

void *memo_allocate(struct memo *memo, size_t bytes) {
    return arena_allocate(&memo->arena, 1, bytes);
}

static struct memo_node *node_at(uint64_t value) {
    return (struct memo_node *)(uintptr_t)value;
}

struct memo_node *memo_root(const struct memo *memo, uint64_t root) {
    uint64_t found;
    return map_get(&memo->roots, root, &found) ? node_at(found) : NULL;
}

static uint64_t hash_departure(const struct memo_departure *departure) {
    uint64_t place = map_hash((uintptr_t)departure->node + departure->cell);
    return map_hash(place + departure->value) + departure->missing;
}

static bool is_same(const struct memo_departure *one, const struct memo_departure *other) {
    return one->node == other->node && one->cell == other->cell && one->value == other->value &&
           one->missing == other->missing;
}

/* Two departures with one hash have places one after the other. */
struct memo_node *memo_follow(const struct memo *memo, const struct memo_departure *departure) {
    uint64_t found;
    for (uint64_t hash = hash_departure(departure); map_get(&memo->links, hash, &found); hash++) {
        if (is_same(&node_at(found)->from, departure))
            return node_at(found);
    }
    return NULL;
}

int memo_link(struct memo *memo, struct memo_node *node) {
    uint64_t ignored;
    if (!node->from.node)
        return map_put(&memo->roots, node->root, (uintptr_t)node);
    uint64_t hash = hash_departure(&node->from);
    while (map_get(&memo->links, hash, &ignored))
        hash++;
    return map_put(&memo->links, hash, (uintptr_t)node);
}
