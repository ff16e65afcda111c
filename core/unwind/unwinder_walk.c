#include "unwind/unwinder_walk.h"

#include <string.h>

#include "support/memory.h"

enum location_kind {
    LOCATION_UNKNOWN,
    LOCATION_REGISTER, /* still in the thread's register `number` */
    LOCATION_MEMORY,   /* at the address `value` */
    LOCATION_VALUE     /* `value` itself */
};

struct location {
    enum location_kind kind;
    uint32_t number;
    struct walk_value value;
};

/* The registers as one frame would find them. */
struct activation {
    struct walk *walk;
    struct location registers[PROCESSOR_REGISTERS];
    bool exact; /* the pc isn't a return address */
};

void walk_deinit(struct walk *walk) {
    memory_release(walk->frames);
    memory_release(walk->cells);
}

/* False: the cell is missing, or there is no memory for logging it. */
static bool read_cell(struct walk *walk, enum unwinder_cell_kind kind, int64_t place, bool relative,
                      struct walk_value *ret) {
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

static bool pin(void *arg) {
    struct walk *walk = arg;
    struct walk_value ignored;
    if (!walk->pinned)
        walk->pinned = read_cell(walk, UNWINDER_REGISTER, walk->processor->frames.stack_pointer,
                                 false, &ignored);
    return walk->pinned;
}

static bool load(struct walk *walk, struct walk_value address, bool relative,
                 struct walk_value *ret) {
    if (!address.based && !pin(walk))
        return false;
    return read_cell(walk, UNWINDER_MEMORY, (int64_t)(address.bits - walk->thread->stack_pointer),
                     relative, ret);
}

static bool load_address(void *arg, struct walk_value address, struct walk_value *ret) {
    return load(arg, address, true, ret);
}

/* The value of a register, as an address (`relative`) or as it is. */
static bool get_value(struct activation *activation, uint32_t number, bool relative,
                      struct walk_value *ret) {
    struct walk *walk = activation->walk;
    const struct location *location = &activation->registers[number];
    switch (location->kind) {
    case LOCATION_REGISTER:
        return read_cell(walk, UNWINDER_REGISTER, location->number, relative, ret);
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
static bool get_base(void *arg, uint64_t number, struct walk_value *ret) {
    struct activation *activation = arg;
    const struct processor *processor = activation->walk->processor;
    if (number >= processor->frames.count ||
        !get_value(activation, (uint32_t)number, number != unwind_program_counter(processor), ret))
        return false;
    activation->registers[number] = (struct location){.kind = LOCATION_VALUE, .value = *ret};
    return true;
}

static bool load_for_expression(void *arg, struct walk_value address, struct walk_value *ret) {
    return load_address(((struct activation *)arg)->walk, address, ret);
}

static bool pin_for_expression(void *arg) {
    return pin(((struct activation *)arg)->walk);
}

static bool evaluate(struct activation *activation, const struct expression *expression,
                     struct walk_value cfa, struct walk_value *ret) {
    struct expression_context context = {.arg = activation,
                                         .get_register = get_base,
                                         .load = load_for_expression,
                                         .pin = pin_for_expression,
                                         .cfa = cfa};
    return expression_evaluate(expression, &context, ret);
}

static bool find_cfa(struct activation *activation, const struct unwind_rule *rule,
                     struct walk_value *ret) {
    struct walk_value none = {0};
    if (rule->kind == UNWIND_VALUE)
        return evaluate(activation, &rule->expression, none, ret) &&
               (ret->based || pin(activation->walk));
    if (!get_base(activation, rule->number, ret))
        return false;
    ret->bits += (uint64_t)rule->offset;
    return true;
}

static struct location offset_location(enum location_kind kind, struct walk_value base,
                                       int64_t offset) {
    base.bits += (uint64_t)offset;
    return (struct location){.kind = kind, .value = base};
}

static struct location find_location(struct activation *activation, const struct unwind_rule *rule,
                                     uint32_t number, struct walk_value cfa) {
    struct location location = {.kind = LOCATION_UNKNOWN};
    switch (rule->kind) {
    case UNWIND_SAME:
        return activation->registers[number];
    case UNWIND_REGISTER:
        return rule->number < activation->walk->processor->frames.count
                   ? activation->registers[rule->number]
                   : location;
    case UNWIND_AT_OFFSET:
        return offset_location(LOCATION_MEMORY, cfa, rule->offset);
    case UNWIND_OFFSET:
        return offset_location(LOCATION_VALUE, cfa, rule->offset);
    case UNWIND_AT_ADDRESS:
    case UNWIND_VALUE:
        if (evaluate(activation, &rule->expression, cfa, &location.value))
            location.kind = rule->kind == UNWIND_VALUE ? LOCATION_VALUE : LOCATION_MEMORY;
        return location;
    default:
        return location;
    }
}

/* Whether a frame pointer, from which the CFA was found, is one of this frame. */
static bool is_frame_pointer(const struct activation *activation, struct walk_value cfa) {
    const struct processor_frames *frames = &activation->walk->processor->frames;
    const struct location *stack_pointer = &activation->registers[frames->stack_pointer];
    uint64_t distance = cfa.bits - frames->frame_bytes - stack_pointer->value.bits;
    return stack_pointer->kind == LOCATION_VALUE && cfa.based && distance < FRAME_CODE_LIMIT &&
           cfa.bits % sizeof(uint64_t) == 0;
}

static bool believe(const struct activation *activation, const struct unwind_row *row,
                    struct walk_value cfa, uint64_t return_address) {
    const struct walk *walk = activation->walk;
    const struct processor *processor = walk->processor;
    uint64_t pc = activation->registers[unwind_program_counter(processor)].value.bits;
    return !row->guessed ||
           (is_frame_pointer(activation, cfa) &&
            processor->frame_agrees(walk->read_code, walk->read_code_arg, pc - !activation->exact,
                                    row->known, return_address));
}

/* Goes to the caller; false: there is none, or it can't be found. */
static bool step(struct activation *activation, const struct unwind_row *row,
                 struct walk_value cfa) {
    struct walk *walk = activation->walk;
    struct activation caller = {.walk = walk, .exact = row->signal};
    struct walk_value pc;
    uint32_t number = unwind_program_counter(walk->processor);
    if (row->registers[number].kind == UNWIND_UNDEFINED)
        return false;
    for (uint32_t i = 0; i < walk->processor->frames.count; i++)
        caller.registers[i] = find_location(activation, &row->registers[i], i, cfa);
    if (!get_value(&caller, number, false, &pc) || !believe(activation, row, cfa, pc.bits)) {
        walk->truncated = walk->incomplete = true;
        return false;
    }
    pc.bits &= walk->processor->returns.mask;
    caller.registers[number] =
        (struct location){.kind = LOCATION_VALUE, .value = {.bits = pc.bits}};
    *activation = caller;
    return pc.bits != 0;
}

static struct walk_frame *add_frame(struct walk *walk, const struct activation *activation) {
    if (MEMORY_RESERVE(walk->frames, &walk->frame_capacity, walk->frame_count + 1)) {
        walk->status = TMPALLOC_E_NOMEM;
        return NULL;
    }
    const struct processor *processor = walk->processor;
    const struct location *stack_pointer = &activation->registers[processor->frames.stack_pointer];
    bool known = stack_pointer->kind == LOCATION_VALUE;
    struct walk_frame *frame = &walk->frames[walk->frame_count++];
    *frame = (struct walk_frame){
        .pc = activation->registers[unwind_program_counter(processor)].value.bits,
        .cfa_offset =
            known ? (int64_t)(stack_pointer->value.bits - walk->thread->stack_pointer) : 0,
        .exact = activation->exact};
    return frame;
}

static bool at_limit(struct walk *walk, const struct unwind_row *row) {
    if (walk->frame_count < walk->depth_limit)
        return false;
    uint32_t pc = unwind_program_counter(walk->processor);
    walk->truncated = row->registers[pc].kind != UNWIND_UNDEFINED;
    return true;
}

/* Adds the activation's frame and goes to its caller; false: the walk is over. */
static bool visit(struct activation *activation) {
    struct walk *walk = activation->walk;
    struct walk_value cfa;
    const struct unwind_row *row;
    struct walk_frame *frame = add_frame(walk, activation);
    if (!frame)
        return false;
    struct frame place = modules_frame(walk->modules, frame->pc, frame->exact);
    if (unwind_rules_find(walk->rules, &place, &row) != TMPALLOC_OK) {
        walk->status = TMPALLOC_E_NOMEM;
        return false;
    }
    if (!row || !find_cfa(activation, &row->cfa, &cfa)) {
        walk->truncated = walk->incomplete = true;
        return false;
    }
    /* The kernel made the handler return to here; nothing was called from here. */
    frame->exact = frame->exact || row->signal;
    frame->cfa_offset = (int64_t)(cfa.bits - walk->thread->stack_pointer);
    return !at_limit(walk, row) && step(activation, row, cfa);
}

/* A stack pointer that was saved in memory (a signal's) is needed as an address only. */
static void know_stack_pointer(struct activation *activation) {
    struct walk_value ignored;
    get_base(activation, activation->walk->processor->frames.stack_pointer, &ignored);
}

int walk_run(struct walk *walk, const struct unwinder_thread *thread) {
    const struct processor_frames *frames = &walk->processor->frames;
    struct activation activation = {.walk = walk, .exact = true};
    for (uint32_t i = 0; i < frames->count; i++)
        activation.registers[i] = (struct location){.kind = LOCATION_REGISTER, .number = i};
    activation.registers[frames->stack_pointer] =
        (struct location){.kind = LOCATION_VALUE, .value = {thread->stack_pointer, .based = true}};
    activation.registers[unwind_program_counter(walk->processor)] =
        (struct location){.kind = LOCATION_VALUE, .value = {.bits = thread->pc}};
    walk->thread = thread;
    walk->frame_count = walk->cell_count = 0;
    walk->truncated = walk->incomplete = walk->pinned = false;
    walk->status = TMPALLOC_OK;
    while (visit(&activation))
        know_stack_pointer(&activation);
    return walk->status;
}
