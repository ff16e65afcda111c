#include "agent/cpython/merged_stacks.h"

#include <string.h>

#include "agent/cpython/python_capture.h"
#include "agent/cpython/python_here.h"
#include "agent/system/own_stack.h"
#include "support/arena.h"
#include "support/hash.h"
#include "support/map.h"
#include "support/memory.h"
#include "tmpalloc/status.h"

/* Pairs that came last: more than the places that a program allocates at in turn. */
#define RECENT_BITS 10

struct pair {
    const struct agent_stack *native;
    const struct python_entry *entry;
    struct agent_stack *result;
};

struct merged_stacks {
    struct python_cache *python;
    const struct python_entry *entry; /* captured last */
    struct pair recent[1 << RECENT_BITS];
    struct map pairs;  /* hash of a pair -> struct pair * */
    struct map frames; /* hash of code and line -> struct known_frame * */
    struct map places; /* hash of code and instruction -> struct known_place * */
    struct map stacks; /* hash of what they hold -> struct agent_stack * */
    struct arena arena;
    /* Work areas. */
    uint64_t loops[PYTHON_DEPTH_LIMIT];
    uint64_t pcs[AGENT_STACK_LIMIT];
    struct own_stack stack;
};

struct known_frame {
    struct agent_python_frame frame;
    const struct python_code *code;
};

/* Finding a line takes reading half of a function's table. */
struct known_place {
    const struct python_code *code;
    int32_t instruction;
    struct agent_python_frame *frame;
};

int merged_stacks_create(struct merged_stacks **ret) {
    struct merged_stacks *merged = memory_allocate_zeroed(1, sizeof *merged);
    if (!merged)
        return TMPALLOC_E_NOMEM;
    map_init(&merged->pairs);
    map_init(&merged->frames);
    map_init(&merged->places);
    map_init(&merged->stacks);
    if (python_cache_init(&merged->python) != TMPALLOC_OK) {
        memory_release(merged);
        return TMPALLOC_E_NOMEM;
    }
    *ret = merged;
    return TMPALLOC_OK;
}

void merged_stacks_forget(struct merged_stacks *merged) {
    if (merged)
        python_cache_forget(merged->python);
}

/* Python frames as the image has them. */

static uint32_t name_bytes(const char *name) {
    size_t length = strlen(name);
    return length < AGENT_NAME_LIMIT ? (uint32_t)length : AGENT_NAME_LIMIT;
}

static struct agent_python_frame *merged_stacks_add_frame(struct merged_stacks *merged,
                                                          uint64_t hash,
                                                          const struct python_code *code,
                                                          uint32_t line) {
    struct known_frame *known = arena_allocate(&merged->arena, 1, sizeof *known);
    if (!known || map_put(&merged->frames, hash, (uintptr_t)known))
        return NULL;
    known->code = code;
    known->frame = (struct agent_python_frame){.function = (uintptr_t)code->name,
                                               .file = (uintptr_t)code->file,
                                               .function_bytes = name_bytes(code->name),
                                               .file_bytes = name_bytes(code->file),
                                               .line = line};
    return &known->frame;
}

static struct agent_python_frame *merged_stacks_find_frame(struct merged_stacks *merged,
                                                           const struct python_place *place) {
    uint64_t value;
    int32_t found = python_code_line(place->code, place->instruction);
    uint32_t line = found > 0 ? (uint32_t)found : 0;
    uint64_t hash = map_hash((uintptr_t)place->code + line);
    for (; map_get(&merged->frames, hash, &value); hash++) {
        struct known_frame *known = (struct known_frame *)(uintptr_t)value;
        if (known->code == place->code && known->frame.line == line)
            return &known->frame;
    }
    return merged_stacks_add_frame(merged, hash, place->code, line);
}

static struct agent_python_frame *merged_stacks_add_place(struct merged_stacks *merged,
                                                          uint64_t hash,
                                                          const struct python_place *place) {
    struct agent_python_frame *frame = merged_stacks_find_frame(merged, place);
    struct known_place *known = frame ? arena_allocate(&merged->arena, 1, sizeof *known) : NULL;
    if (known && map_put(&merged->places, hash, (uintptr_t)known) == 0)
        *known = (struct known_place){
            .code = place->code, .instruction = place->instruction, .frame = frame};
    return frame;
}

static struct agent_python_frame *frame_at(struct merged_stacks *merged,
                                           const struct python_place *place) {
    uint64_t value;
    uint64_t hash = map_hash((uintptr_t)place->code) + (uint32_t)place->instruction;
    for (; map_get(&merged->places, hash, &value); hash++) {
        const struct known_place *known = (const struct known_place *)(uintptr_t)value;
        if (known->code == place->code && known->instruction == place->instruction)
            return known->frame;
    }
    return merged_stacks_add_place(merged, hash, place);
}

/* Merging. */

struct merging {
    struct merged_stacks *merged;
    struct capture_cache *cache;
    const struct agent_stack *native;
    const struct python_entry *entry;
    struct agent_stack *result;
    size_t loop_count;
    const uintptr_t *bounds;
    size_t bound_count;
    uintptr_t return_slot;
    uintptr_t frame_pointer;
    uint32_t next_place; /* of the entry */
    size_t next_loop;
    uint32_t count; /* of merged->pcs */
    bool cut;       /* there was no room or no memory for all frames */
};

static bool is_in_loop_function(uint64_t pc) {
    struct python_loop_code code = python_here_loop_code();
    return pc > code.start && pc <= code.end;
}

/* Whether native frame i is the call of the evaluation loop that runs the next Python frames. */
static bool runs_next(const struct merging *merging, uint32_t i) {
    if (merging->next_place == merging->entry->count || merging->next_loop == merging->loop_count)
        return false;
    uint64_t loop = merging->merged->loops[merging->next_loop];
    if (!loop)
        return is_in_loop_function(merging->native->pcs[i]);
    uintptr_t start = i ? merging->bounds[i - 1] : merging->return_slot;
    return i < merging->bound_count && loop >= start && loop < merging->bounds[i];
}

static void add_pc(struct merging *merging, uint64_t pc) {
    if (merging->count < AGENT_STACK_LIMIT)
        merging->merged->pcs[merging->count++] = pc;
    else
        merging->cut = true;
}

static void add_run(struct merging *merging) {
    bool ended = false;
    while (!ended && merging->next_place < merging->entry->count) {
        const struct python_place *place = &merging->entry->places[merging->next_place++];
        const struct agent_python_frame *frame = frame_at(merging->merged, place);
        ended = place->is_entry;
        if (frame)
            add_pc(merging, AGENT_PC_PYTHON | (uintptr_t)frame);
        merging->cut |= !frame;
    }
    merging->next_loop++;
}

static bool is_cut(const struct merging *merging) {
    return merging->native->truncated || merging->entry->truncated || merging->cut;
}

static uint64_t hash_merged(const struct merging *merging) {
    uint64_t hash = merging->count + ((uint64_t)is_cut(merging) << 32);
    for (uint32_t i = 0; i < merging->count; i++)
        hash = map_hash(hash + merging->merged->pcs[i]);
    return hash;
}

static bool is_merged(const struct merging *merging, const struct agent_stack *stack) {
    const struct agent_stack *native = merging->native;
    return stack->count == merging->count && stack->truncated == is_cut(merging) &&
           stack->generation == native->generation && stack->modules == native->modules &&
           memcmp(stack->pcs, merging->merged->pcs, stack->count * sizeof stack->pcs[0]) == 0;
}

static struct agent_stack *keep_stack(const struct merging *merging, uint64_t hash) {
    const struct agent_stack *native = merging->native;
    size_t bytes = merging->count * sizeof native->pcs[0];
    struct agent_stack *stack = arena_allocate(&merging->merged->arena, 1, sizeof *stack + bytes);
    if (!stack)
        return NULL;
    stack->count = merging->count;
    stack->truncated = is_cut(merging);
    stack->generation = native->generation;
    stack->modules = native->modules;
    memcpy(stack->pcs, merging->merged->pcs, bytes);
    return map_put(&merging->merged->stacks, hash, (uintptr_t)stack) ? NULL : stack;
}

/* Several instructions of one line make one stack. */
static struct agent_stack *find_merged(const struct merging *merging) {
    uint64_t value, hash = hash_merged(merging);
    for (; map_get(&merging->merged->stacks, hash, &value); hash++) {
        struct agent_stack *stack = (struct agent_stack *)(uintptr_t)value;
        if (is_merged(merging, stack))
            return stack;
    }
    return keep_stack(merging, hash);
}

static void run_merge(void *arg) {
    struct merging *merging = arg;
    struct merged_stacks *merged = merging->merged;
    merging->loop_count = python_capture_loops(merged->python, merged->loops, PYTHON_DEPTH_LIMIT);
    merging->bounds = capture_bounds(merging->cache, merging->return_slot, merging->frame_pointer,
                                     &merging->bound_count);
    for (uint32_t i = 0; i < merging->native->count; i++) {
        if (runs_next(merging, i))
            add_run(merging);
        add_pc(merging, merging->native->pcs[i]);
    }
    merging->result = find_merged(merging);
}

static struct agent_stack *
merged_stacks_merge_pair(struct merged_stacks *merged, struct capture_cache *cache,
                         const struct agent_stack *native, const struct python_entry *entry,
                         uintptr_t return_slot, uintptr_t frame_pointer) {
    struct merging merging = {.merged = merged,
                              .cache = cache,
                              .native = native,
                              .entry = entry,
                              .return_slot = return_slot,
                              .frame_pointer = frame_pointer};
    own_stack_run(&merged->stack, run_merge, &merging);
    return merging.result;
}

/* Pairs. */

static struct agent_stack *add_pair(struct merged_stacks *merged, uint64_t hash,
                                    const struct agent_stack *native,
                                    const struct python_entry *entry, struct agent_stack *result) {
    struct pair *pair = arena_allocate(&merged->arena, 1, sizeof *pair);
    if (!result || !pair || map_put(&merged->pairs, hash, (uintptr_t)pair))
        return NULL;
    *pair = (struct pair){.native = native, .entry = entry, .result = result};
    return result;
}

static struct agent_stack *find_pair(struct merged_stacks *merged, struct capture_cache *cache,
                                     struct agent_stack *native, uintptr_t return_slot,
                                     uintptr_t frame_pointer) {
    uint64_t value;
    const struct python_entry *entry = merged->entry;
    uint64_t hash = map_hash((uintptr_t)native) + (uintptr_t)entry;
    for (; map_get(&merged->pairs, hash, &value); hash++) {
        const struct pair *pair = (const struct pair *)(uintptr_t)value;
        if (pair->native == native && pair->entry == entry)
            return pair->result;
    }
    return add_pair(
        merged, hash, native, entry,
        merged_stacks_merge_pair(merged, cache, native, entry, return_slot, frame_pointer));
}

static struct pair *recent_slot(struct merged_stacks *merged, const struct agent_stack *native,
                                const struct python_entry *entry) {
    uint64_t hash = ((uintptr_t)native + (uintptr_t)entry * 3) * HASH_SPREAD;
    return &merged->recent[hash >> (64 - RECENT_BITS)];
}

__attribute__((flatten)) struct agent_stack *merged_stacks_find(struct merged_stacks *merged,
                                                                struct agent_stack *native) {
    const struct python_entry *entry = python_capture(merged->python);
    const struct pair *pair = recent_slot(merged, native, entry);
    merged->entry = entry;
    return pair->native == native && pair->entry == entry ? pair->result : NULL;
}

struct agent_stack *merged_stacks_merge(struct merged_stacks *merged, struct capture_cache *cache,
                                        struct agent_stack *native, uintptr_t return_slot,
                                        uintptr_t frame_pointer) {
    const struct python_entry *entry = merged->entry;
    struct agent_stack *result = native;
    if (!entry)
        return native;
    if (entry->count > 0)
        result = find_pair(merged, cache, native, return_slot, frame_pointer);
    if (!result)
        return native;
    *recent_slot(merged, native, entry) =
        (struct pair){.native = native, .entry = entry, .result = result};
    return result;
}
