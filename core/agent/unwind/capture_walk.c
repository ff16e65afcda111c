#include "agent/unwind/capture_walk.h"

#include "support/map.h"
#include "support/memory.h"
#include "tmpalloc/status.h"

#define WORD_BYTES 8

enum location_kind {
    LOCATION_UNKNOWN,
    LOCATION_FRAME_POINTER, /* the frame pointer at the start */
    LOCATION_MEMORY,        /* at the address `value` */
    LOCATION_VALUE          /* `value` itself */
};

/* A recovery and the frame that it is for. */
struct step {
    struct capture_walk *walk;
    struct walk_value cfa;
};

void capture_walk_deinit(struct capture_walk *walk) {
    memory_release(walk->pcs);
    memory_release(walk->bounds);
    memory_release(walk->cells);
}

static bool log_cell(struct capture_walk *walk, int64_t place, struct walk_value *ret) {
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

static bool pin(struct capture_walk *walk) {
    struct walk_value ignored;
    if (!walk->pinned)
        walk->pinned = log_cell(walk, CELL_STACK_POINTER, &ignored);
    return walk->pinned;
}

static bool load(struct capture_walk *walk, struct walk_value address, bool relative,
                 struct walk_value *ret) {
    if (!address.based && !pin(walk))
        return false;
    if (address.bits % WORD_BYTES || !capture_pages_readable(&walk->pages, address.bits)) {
        walk->unstable = true;
        return false;
    }
    return log_cell(walk, (int64_t)(address.bits - walk->start.return_slot) | relative, ret);
}

/* The value of a register, as an address (`relative`) or as it is. */
static bool get_value(struct capture_walk *walk, uint32_t number, bool relative,
                      struct walk_value *ret) {
    const struct walk_location *location = &walk->registers[number];
    switch (location->kind) {
    case LOCATION_FRAME_POINTER:
        return log_cell(walk, CELL_FRAME_POINTER | relative, ret);
    case LOCATION_MEMORY:
        return load(walk, location->value, relative, ret);
    case LOCATION_VALUE:
        *ret = location->value;
        return relative || !ret->based || pin(walk);
    default:
        return false;
    }
}

/* A register that a rule builds an address on; it stays known for the frames outwards. */
static bool get_base(struct capture_walk *walk, uint64_t number, struct walk_value *ret) {
    if (number >= CFI_REGISTERS ||
        !get_value(walk, (uint32_t)number, number != CFI_RETURN_ADDRESS, ret))
        return false;
    walk->registers[number] = (struct walk_location){.kind = LOCATION_VALUE, .value = *ret};
    return true;
}

static bool register_for_expression(void *arg, uint64_t number, struct walk_value *ret) {
    return get_base(((struct step *)arg)->walk, number, ret);
}

static bool load_for_expression(void *arg, struct walk_value address, struct walk_value *ret) {
    return load(((struct step *)arg)->walk, address, true, ret);
}

static bool pin_for_expression(void *arg) {
    return pin(((struct step *)arg)->walk);
}

static bool evaluate(struct step *step, const struct cfi_recovery *recovery,
                     struct walk_value *ret) {
    struct expression expression = {.operations = recovery->operations,
                                    .count = recovery->operation_count};
    struct expression_context context = {.arg = step,
                                         .get_register = register_for_expression,
                                         .load = load_for_expression,
                                         .pin = pin_for_expression,
                                         .cfa = step->cfa};
    return expression_evaluate(&expression, &context, ret);
}

static bool find_cfa(struct step *step, const struct cfi_recovery *recovery) {
    if (recovery->kind == CFI_EXPRESSION)
        return evaluate(step, recovery, &step->cfa);
    if (recovery->kind != CFI_REGISTER || !get_base(step->walk, recovery->source, &step->cfa))
        return false;
    step->cfa.bits += (uint64_t)recovery->offset;
    return true;
}

static struct walk_location at_offset(uint32_t kind, struct walk_value cfa, int64_t offset) {
    cfa.bits += (uint64_t)offset;
    return (struct walk_location){.kind = kind, .value = cfa};
}

/* Where the caller's register is. */
static struct walk_location locate(struct step *step, const struct cfi_recovery *recovery) {
    struct walk_location location = {.kind = LOCATION_UNKNOWN};
    switch (recovery->kind) {
    case CFI_SAME:
        return step->walk->registers[recovery->target];
    case CFI_REGISTER:
        return step->walk->registers[recovery->source];
    case CFI_AT_OFFSET:
        return at_offset(LOCATION_MEMORY, step->cfa, recovery->offset);
    case CFI_OFFSET:
        return at_offset(LOCATION_VALUE, step->cfa, recovery->offset);
    case CFI_EXPRESSION:
    case CFI_AT_EXPRESSION:
        if (evaluate(step, recovery, &location.value))
            location.kind = recovery->kind == CFI_EXPRESSION ? LOCATION_VALUE : LOCATION_MEMORY;
        return location;
    default:
        return location;
    }
}

/* Makes the registers those of the caller. */
static void change_simply(struct step *step, const struct cfi_row *row) {
    struct walk_location *registers = step->walk->registers;
    registers[CFI_RETURN_ADDRESS] =
        at_offset(LOCATION_MEMORY, step->cfa, row->return_address.offset);
    registers[CFI_STACK_POINTER] = at_offset(LOCATION_VALUE, step->cfa, 0);
    for (uint32_t i = 0; i < row->count; i++)
        registers[row->recoveries[i].target] =
            at_offset(LOCATION_MEMORY, step->cfa, row->recoveries[i].offset);
}

/* The same where they may depend on each other: all are located before any is changed. */
static void change_registers(struct step *step, const struct cfi_row *row) {
    struct walk_location *registers = step->walk->registers;
    struct walk_location located[CFI_REGISTERS];
    struct walk_location return_address = locate(step, &row->return_address);
    for (uint32_t i = 0; i < row->count; i++)
        located[i] = locate(step, &row->recoveries[i]);
    registers[CFI_RETURN_ADDRESS] = return_address;
    registers[CFI_STACK_POINTER] = at_offset(LOCATION_VALUE, step->cfa, 0);
    for (uint32_t i = 0; i < row->count; i++)
        registers[row->recoveries[i].target] = located[i];
}

static bool read_code(void *arg, uint64_t address, uint64_t *ret) {
    struct capture_walk *walk = arg;
    if (!capture_pages_readable(&walk->pages, address))
        return false;
    *ret = *(const uint64_t *)(uintptr_t)address;
    return true;
}

/* Whether a frame pointer, from which the CFA was found, is one of this frame. */
static bool is_frame_pointer(const struct capture_walk *walk, struct walk_value cfa) {
    uint64_t distance =
        cfa.bits - FRAME_POINTER_BYTES - walk->registers[CFI_STACK_POINTER].value.bits;
    return cfa.based && distance < FRAME_CODE_LIMIT && cfa.bits % WORD_BYTES == 0;
}

/* Goes to the caller; false: there is none, or it can't be found.  address: of the frame's
 * instruction. */
static bool step_out(struct capture_walk *walk, const struct cfi_row *row, uint64_t address,
                     uint64_t *pc_ret) {
    struct step step = {.walk = walk};
    struct walk_value pc;
    walk->truncated = true;
    if (walk->pc_count == walk->depth_limit || !find_cfa(&step, &row->cfa) ||
        (row->guessed && !is_frame_pointer(walk, step.cfa)))
        return false;
    if (row->simple)
        change_simply(&step, row);
    else
        change_registers(&step, row);
    if (!get_value(walk, CFI_RETURN_ADDRESS, false, &pc) || pc.bits >= CAPTURE_PC_LIMIT ||
        (row->guessed && !frame_code_agrees(read_code, walk, address, row->known, pc.bits)))
        return false;
    walk->registers[CFI_RETURN_ADDRESS] =
        (struct walk_location){.kind = LOCATION_VALUE, .value = pc};
    walk->truncated = false;
    *pc_ret = pc.bits;
    return pc.bits != 0;
}

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

static bool add_frame(struct capture_walk *walk, uint64_t pc, bool exact) {
    if (!make_room(walk))
        return false;
    walk->pcs[walk->pc_count++] = pc | (exact ? CAPTURE_PC_EXACT : 0);
    return true;
}

/* Adds a frame and finds the next; false: the walk is over. */
static bool visit(struct capture_walk *walk, uint64_t *pc, bool *exact) {
    const struct cfi_row *row;
    if (!add_frame(walk, *pc, *exact))
        return false;
    int status = cfi_rows_find(walk->rows, *pc, *exact, &row);
    walk->no_memory |= status == TMPALLOC_E_NOMEM;
    walk->unstable |= status == TMPALLOC_E_BUSY;
    walk->truncated = !row;
    if (!row || row->return_address.kind == CFI_UNDEFINED)
        return false;
    uint64_t address = *pc - !*exact;
    walk->modules = (uint32_t)map_hash(walk->modules + row->identity);
    *exact = row->signal;
    return step_out(walk, row, address, pc);
}

static void begin(struct capture_walk *walk, const struct capture_start *start, uint64_t pc) {
    walk->start = *start;
    walk->pages = (struct capture_pages){.stack = start->return_slot};
    walk->pc_count = walk->bound_count = walk->cell_count = 0;
    walk->modules = 0;
    walk->truncated = walk->unstable = walk->pinned = walk->no_memory = false;
    for (uint32_t i = 0; i < CFI_REGISTERS; i++)
        walk->registers[i].kind = LOCATION_UNKNOWN;
    walk->registers[CFI_FRAME_POINTER].kind = LOCATION_FRAME_POINTER;
    walk->registers[CFI_STACK_POINTER] = (struct walk_location){
        .kind = LOCATION_VALUE, .value = {.bits = start->return_slot + WORD_BYTES, .based = true}};
    walk->registers[CFI_RETURN_ADDRESS] =
        (struct walk_location){.kind = LOCATION_VALUE, .value = {.bits = pc}};
}

static uintptr_t stack_pointer(const struct capture_walk *walk) {
    return walk->registers[CFI_STACK_POINTER].value.bits;
}

int capture_walk_run(struct capture_walk *walk, const struct capture_start *start) {
    uint64_t pc = *(const uint64_t *)start->return_slot;
    bool exact = false;
    begin(walk, start, pc);
    while (visit(walk, &pc, &exact))
        walk->bounds[walk->bound_count++] = stack_pointer(walk);
    return walk->no_memory ? TMPALLOC_E_NOMEM : TMPALLOC_OK;
}

/* Visits a frame; the one outwards returns through *slot. */
static bool visit_outwards(struct capture_walk *walk, uint64_t *pc, bool *exact, bool *interrupted,
                           uintptr_t *slot) {
    *interrupted |= *exact;
    if (!visit(walk, pc, exact))
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
    begin(walk, start, pc);
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
