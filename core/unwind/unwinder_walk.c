#include "unwind/unwinder_walk.h"

#include <string.h>

#include "support/memory.h"

_Static_assert(WALK_REGISTERS == PROCESSOR_REGISTERS, "registers fit");

static struct walk *walk_of(struct walk_state *state) {
    return (struct walk *)state;
}

void walk_deinit(struct walk *walk) {
    memory_release(walk->frames);
    memory_release(walk->cells);
}

/* False: the cell is missing, or there is no memory for logging it. */
static bool unwinder_walk_read_cell(struct walk *walk, enum unwinder_cell_kind kind, int64_t place,
                                    bool relative, struct walk_value *ret) {
    if (MEMORY_RESERVE(walk->cells, &walk->cell_capacity, walk->cell_count + 1)) {
        walk->status = TMPALLOC_E_NOMEM;
        return false;
    }
    struct unwinder_cell asked = {.kind = kind, .place = place, .relative = relative};
    struct unwinder_cell seen = unwinder_cell_observe(&asked, walk->thread);
    walk->cells[walk->cell_count++] = seen;
    *ret = (struct walk_value){.bits = seen.value + (relative ? walk->thread->stack_pointer : 0),
                               .based = relative};
    return !seen.missing;
}

static bool unwinder_walk_read_register(struct walk_state *state, uint32_t number, bool relative,
                                        struct walk_value *ret) {
    return unwinder_walk_read_cell(walk_of(state), UNWINDER_REGISTER, number, relative, ret);
}

static bool unwinder_walk_read_memory(struct walk_state *state, uint64_t address, bool relative,
                                      struct walk_value *ret) {
    struct walk *walk = walk_of(state);
    int64_t place = (int64_t)(address - walk->thread->stack_pointer);
    return unwinder_walk_read_cell(walk, UNWINDER_MEMORY, place, relative, ret);
}

static bool unwinder_walk_frame_agrees(struct walk_state *state, uint64_t address, bool known,
                                       uint64_t return_address) {
    const struct walk *walk = walk_of(state);
    return walk->processor->frame_agrees(walk->read_code, walk->read_code_arg, address, known,
                                         return_address);
}

static struct walk_frame *unwinder_walk_add_frame(struct walk *walk, uint64_t pc, bool exact) {
    if (MEMORY_RESERVE(walk->frames, &walk->frame_capacity, walk->frame_count + 1)) {
        walk->status = TMPALLOC_E_NOMEM;
        return NULL;
    }
    const struct walk_location *stack_pointer = &walk->state.registers[walk->side.stack_pointer];
    bool known = stack_pointer->kind == WALK_VALUE;
    struct walk_frame *frame = &walk->frames[walk->frame_count++];
    *frame = (struct walk_frame){
        .pc = pc,
        .cfa_offset =
            known ? (int64_t)(stack_pointer->value.bits - walk->thread->stack_pointer) : 0,
        .exact = exact};
    return frame;
}

static bool at_limit(struct walk *walk, const struct unwind_row *row) {
    if (walk->frame_count < walk->depth_limit)
        return false;
    walk->truncated = row->return_address.kind != UNWIND_UNDEFINED;
    return true;
}

static bool walk_give_up(struct walk *walk) {
    walk->truncated = walk->incomplete = true;
    return false;
}

/* Adds a frame and finds the next; false: the walk is over. */
static bool walk_visit(struct walk *walk, uint64_t *pc, bool *exact) {
    struct walk_value cfa;
    const struct unwinder_row *found;
    struct walk_frame *frame = unwinder_walk_add_frame(walk, *pc, *exact);
    if (!frame)
        return false;
    struct frame place = modules_frame(walk->modules, *pc, *exact);
    if (unwind_rules_find(walk->rules, &place, &found) != TMPALLOC_OK) {
        walk->status = TMPALLOC_E_NOMEM;
        return false;
    }
    if (!found || !walk_find_cfa(&walk->state, &found->row.cfa, &cfa))
        return walk_give_up(walk);
    const struct unwind_row *row = &found->row;
    uint64_t address = *pc - !*exact;
    /* The kernel made the handler return to here; nothing was called from here. */
    frame->exact = *exact || row->signal;
    frame->cfa_offset = (int64_t)(cfa.bits - walk->thread->stack_pointer);
    *exact = row->signal;
    if (at_limit(walk, row) || row->return_address.kind == UNWIND_UNDEFINED)
        return false;
    return walk_step(&walk->state, row, cfa, address, pc) ? *pc != 0 : walk_give_up(walk);
}

static void walk_begin(struct walk *walk, const struct unwinder_thread *thread) {
    const struct processor *processor = walk->processor;
    struct walk_location *registers = walk->state.registers;
    walk->side = (struct walk_side){.register_count = processor->frames.count,
                                    .stack_pointer = processor->frames.stack_pointer,
                                    .program_counter = unwind_program_counter(processor),
                                    .frame_bytes = processor->frames.frame_bytes,
                                    .return_mask = processor->returns.mask,
                                    .read_register = unwinder_walk_read_register,
                                    .read_memory = unwinder_walk_read_memory,
                                    .frame_agrees = unwinder_walk_frame_agrees};
    walk->state.side = &walk->side;
    walk->state.pinned = false;
    for (uint32_t i = 0; i < processor->frames.count; i++)
        registers[i] = (struct walk_location){.kind = WALK_IN_REGISTER, .number = i};
    registers[walk->side.stack_pointer] =
        (struct walk_location){.kind = WALK_VALUE, .value = {thread->stack_pointer, .based = true}};
    registers[walk->side.program_counter] =
        (struct walk_location){.kind = WALK_VALUE, .value = {.bits = thread->pc}};
}

int walk_run(struct walk *walk, const struct unwinder_thread *thread) {
    uint64_t pc = thread->pc;
    bool exact = true;
    walk_begin(walk, thread);
    walk->thread = thread;
    walk->frame_count = walk->cell_count = 0;
    walk->truncated = walk->incomplete = false;
    walk->status = TMPALLOC_OK;
    while (walk_visit(walk, &pc, &exact))
        continue;
    return walk->status;
}
