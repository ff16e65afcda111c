#include "tables/stacks.h"

#include <string.h>

#include "support/arena.h"
#include "support/check.h"
#include "support/map.h"
#include "support/memory.h"

/* `next` chains stacks whose hashes are equal; 0 ends the chain, else number + 1. */
struct entry {
    struct stack stack;
    uint32_t next;
};

struct stacks {
    struct entry **entries; /* by number */
    size_t count;
    size_t capacity;
    struct map numbers; /* hash of the frames -> newest number + 1 */
    struct arena storage;
};

int stacks_create(struct stacks **ret) {
    struct stacks *stacks = memory_allocate_zeroed(1, sizeof *stacks);
    if (!stacks)
        return TMPALLOC_E_NOMEM;
    map_init(&stacks->numbers);
    *ret = stacks;
    return TMPALLOC_OK;
}

void stacks_destroy(struct stacks *stacks) {
    if (!stacks)
        return;
    map_deinit(&stacks->numbers);
    arena_deinit(&stacks->storage);
    memory_release(stacks->entries);
    memory_release(stacks);
}

static uint64_t stacks_hash(const struct stack *stack) {
    uint64_t result = map_hash(((uint64_t)stack->count << 1) | stack->truncated);
    for (uint32_t i = 0; i < stack->count; i++) {
        const struct frame *frame = &stack->frames[i];
        result = map_hash(result ^ frame->offset);
        result = map_hash(result ^ ((uint64_t)frame->module << 1 | frame->exact));
    }
    return result;
}

static bool stacks_same(const struct stack *a, const struct stack *b) {
    if (a->count != b->count || a->truncated != b->truncated)
        return false;
    for (uint32_t i = 0; i < a->count; i++) {
        const struct frame *x = &a->frames[i], *y = &b->frames[i];
        if (x->offset != y->offset || x->module != y->module || x->exact != y->exact)
            return false;
    }
    return true;
}

static struct entry *stacks_copy(struct stacks *stacks, const struct stack *stack) {
    struct entry *entry = arena_allocate(&stacks->storage, 1, sizeof *entry);
    struct frame *frames = arena_allocate(&stacks->storage, stack->count, sizeof *frames);
    if (!entry || !frames)
        return NULL;
    if (stack->count)
        memcpy(frames, stack->frames, stack->count * sizeof *frames);
    entry->stack = *stack;
    entry->stack.frames = frames;
    return entry;
}

static int stacks_add(struct stacks *stacks, const struct stack *stack, uint64_t key,
                      uint64_t newest) {
    int status = MEMORY_RESERVE(stacks->entries, &stacks->capacity, stacks->count + 1);
    struct entry *entry = status ? NULL : stacks_copy(stacks, stack);
    if (!entry)
        return TMPALLOC_E_NOMEM;
    status = map_put(&stacks->numbers, key, stacks->count + 1);
    if (status != TMPALLOC_OK)
        return status;
    entry->next = (uint32_t)newest;
    stacks->entries[stacks->count++] = entry;
    return TMPALLOC_OK;
}

int stacks_intern(struct stacks *stacks, const struct stack *stack, uint32_t *ret) {
    uint64_t key = stacks_hash(stack), newest = 0;
    map_get(&stacks->numbers, key, &newest);
    for (uint32_t next = (uint32_t)newest; next; next = stacks->entries[next - 1]->next) {
        if (stacks_same(&stacks->entries[next - 1]->stack, stack)) {
            *ret = next - 1;
            return TMPALLOC_OK;
        }
    }
    /* The last number is left out: it stands for "no stack". */
    if (stacks->count >= UINT32_MAX - 1 || stacks_add(stacks, stack, key, newest))
        return TMPALLOC_E_NOMEM;
    *ret = (uint32_t)stacks->count - 1;
    return TMPALLOC_OK;
}

const struct stack *stacks_get(const struct stacks *stacks, uint32_t number) {
    static const struct stack unknown = {.truncated = 1};
    return CHECK(number < stacks->count, NULL) == TMPALLOC_OK ? &stacks->entries[number]->stack
                                                              : &unknown;
}

uint32_t stacks_count(const struct stacks *stacks) {
    return (uint32_t)stacks->count;
}
