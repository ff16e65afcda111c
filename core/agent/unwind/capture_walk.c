#include "agent/unwind/capture_walk.h"

#include "agent/x86_64/frame_registers.h"
#include "support/map.h"
#include "support/memory.h"
#include "tmpalloc/status.h"

#define WORD_BYTES 8

void capture_walk_deinit(struct capture_walk *walk) {
    memory_release(walk->pcs);
    memory_release(walk->bounds);
    memory_release(walk->cells);
}

static bool capture_walk_log_cell(struct capture_walk *walk, int64_t place,
                                  struct walk_value *ret) {
    if (walk->cell_count == walk->cell_capacity &&
        MEMORY_RESERVE(walk->cells, &walk->cell_capacity, walk->cell_count + 1)) {
        walk->no_memory = true;
        return false;
    }
    uint64_t value = capture_cell_read(place, &walk->start);
    walk->cells[walk->cell_count++] = (struct capture_cell){.place = place, .value = value};
    ret->based = place & CELL_RELATIVE;
    ret->bits = value + (ret->based ? walk->start.return_slot : 0);
    return true;
}

static struct capture_walk *capture_walk_of(struct walk_state *state) {
    return (struct capture_walk *)state;
}

/* Other registers than these two are unknown at the start. */
static bool capture_walk_read_register(struct walk_state *state, uint32_t number, bool relative,
                                       struct walk_value *ret) {
    int64_t place = number == CFI_STACK_POINTER ? CELL_STACK_POINTER : CELL_FRAME_POINTER;
    return capture_walk_log_cell(capture_walk_of(state), place | relative, ret);
}

static bool capture_walk_read_memory(struct walk_state *state, uint64_t address, bool relative,
                                     struct walk_value *ret) {
    struct capture_walk *walk = capture_walk_of(state);
    if (address % WORD_BYTES || !capture_pages_readable(&walk->pages, address)) {
        walk->unstable = true;
        return false;
    }
    return capture_walk_log_cell(walk, (int64_t)(address - walk->start.return_slot) | relative,
                                 ret);
}

static bool capture_walk_read_code(void *arg, uint64_t address, uint64_t *ret) {
    struct capture_walk *walk = arg;
    if (!capture_pages_readable(&walk->pages, address))
        return false;
    *ret = *(const uint64_t *)(uintptr_t)address;
    return true;
}

static bool capture_walk_frame_agrees(struct walk_state *state, uint64_t address, bool known,
                                      uint64_t return_address) {
    return return_address < CAPTURE_PC_LIMIT &&
           frame_code_agrees(capture_walk_read_code, capture_walk_of(state), address, known,
                             return_address);
}

static const struct walk_side side = {.register_count = CFI_REGISTERS,
                                      .stack_pointer = CFI_STACK_POINTER,
                                      .program_counter = CFI_RETURN_ADDRESS,
                                      .frame_bytes = FRAME_POINTER_BYTES,
                                      .return_mask = UINT64_MAX,
                                      .read_register = capture_walk_read_register,
                                      .read_memory = capture_walk_read_memory,
                                      .frame_agrees = capture_walk_frame_agrees};

/* For a frame and its bound. */
static bool make_room(struct capture_walk *walk) {
    size_t needed = walk->pc_count + 1;
    if (needed <= walk->pc_capacity && needed <= walk->bound_capacity)
        return true;
    if (MEMORY_RESERVE(walk->pcs, &walk->pc_capacity, needed) ||
        MEMORY_RESERVE(walk->bounds, &walk->bound_capacity, needed))
        walk->no_memory = true;
    return !walk->no_memory;
}

static bool capture_walk_add_frame(struct capture_walk *walk, uint64_t pc, bool exact) {
    if (!make_room(walk))
        return false;
    walk->pcs[walk->pc_count++] = pc | (exact ? CAPTURE_PC_EXACT : 0);
    return true;
}

/* Adds a frame and finds the next; false: the walk is over. */
static bool capture_walk_visit(struct capture_walk *walk, uint64_t *pc, bool *exact) {
    const struct cfi_row *found;
    struct walk_value cfa;
    if (!capture_walk_add_frame(walk, *pc, *exact))
        return false;
    int status = cfi_rows_find(walk->rows, *pc, *exact, &found);
    walk->no_memory |= status == TMPALLOC_E_NOMEM;
    walk->unstable |= status == TMPALLOC_E_BUSY;
    walk->truncated = !found;
    if (!found || found->row.return_address.kind == UNWIND_UNDEFINED)
        return false;
    const struct unwind_row *row = &found->row;
    uint64_t address = *pc - !*exact;
    walk->modules = (uint32_t)map_hash(walk->modules + found->identity);
    *exact = row->signal;
    walk->truncated = walk->pc_count == walk->depth_limit ||
                      !walk_find_cfa(&walk->state, &row->cfa, &cfa) ||
                      !walk_step(&walk->state, row, cfa, address, pc) || *pc >= CAPTURE_PC_LIMIT;
    return !walk->truncated && *pc != 0;
}

static void capture_walk_begin(struct capture_walk *walk, const struct capture_start *start,
                               uint64_t pc) {
    struct walk_location *registers = walk->state.registers;
    walk->start = *start;
    walk->pages = (struct capture_pages){.stack = start->return_slot};
    walk->pc_count = walk->bound_count = walk->cell_count = 0;
    walk->modules = 0;
    walk->truncated = walk->unstable = walk->no_memory = false;
    walk->state.side = &side;
    walk->state.pinned = false;
    for (uint32_t i = 0; i < CFI_REGISTERS; i++)
        registers[i].kind = WALK_UNKNOWN;
    registers[CFI_FRAME_POINTER] =
        (struct walk_location){.kind = WALK_IN_REGISTER, .number = CFI_FRAME_POINTER};
    registers[CFI_STACK_POINTER] = (struct walk_location){
        .kind = WALK_VALUE, .value = {.bits = start->return_slot + WORD_BYTES, .based = true}};
    registers[CFI_RETURN_ADDRESS] =
        (struct walk_location){.kind = WALK_VALUE, .value = {.bits = pc}};
}

static uintptr_t stack_pointer(const struct capture_walk *walk) {
    return walk->state.registers[CFI_STACK_POINTER].value.bits;
}

int capture_walk_run(struct capture_walk *walk, const struct capture_start *start) {
    uint64_t pc = *(const uint64_t *)start->return_slot;
    bool exact = false;
    capture_walk_begin(walk, start, pc);
    while (capture_walk_visit(walk, &pc, &exact))
        walk->bounds[walk->bound_count++] = stack_pointer(walk);
    return walk->no_memory ? TMPALLOC_E_NOMEM : TMPALLOC_OK;
}

/* Visits a frame; the one outwards returns through *slot. */
static bool visit_outwards(struct capture_walk *walk, uint64_t *pc, bool *exact, bool *interrupted,
                           uintptr_t *slot) {
    *interrupted |= *exact;
    if (!capture_walk_visit(walk, pc, exact))
        return false;
    *slot = stack_pointer(walk) - WORD_BYTES;
    return true;
}

enum capture_path capture_walk_to(struct capture_walk *walk, const struct capture_start *start,
                                  uintptr_t outer_slot) {
    uint64_t pc = *(const uint64_t *)start->return_slot;
    uintptr_t slot = start->return_slot;
    uint32_t depth_limit = walk->depth_limit;
    bool exact = false, interrupted = false;
    capture_walk_begin(walk, start, pc);
    walk->depth_limit = CAPTURE_DEPTH_LIMIT;
    /* Only signals change from one stack to another that may be anywhere. */
    while (slot != outer_slot && (interrupted || slot < outer_slot) &&
           visit_outwards(walk, &pc, &exact, &interrupted, &slot))
        continue;
    walk->depth_limit = depth_limit;
    if (slot != outer_slot && !walk->truncated && !walk->no_memory)
        return CAPTURE_PATH_NONE;
    if (interrupted)
        return CAPTURE_PATH_INTERRUPTED;
    return slot == outer_slot ? CAPTURE_PATH_CALLS : CAPTURE_PATH_UNKNOWN;
}
