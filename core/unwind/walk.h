/* One step of a walk from the innermost frame outwards: from a frame's row to its caller.  Compiled
 * into the agent as well; what finds rows, reads cells and keeps frames is the side's.
 *
 * Registers of outer frames are kept as places and read only when a rule needs them, and whatever
 * is read is logged by the side, so that the log holds nothing that the result doesn't depend on: a
 * saved register that no later rule uses must not make an equal stack look like another one.
 * Code isn't logged: it doesn't change.
 *
 * A value is either based, which is to say that it moves along with the stack, or a number.  What
 * served as an address is logged as based (`relative`); where an address is a number, or a based
 * value is taken for a number, the walk holds for this very stack pointer only: it is pinned. */
#ifndef TMPALLOC_WALK_H
#define TMPALLOC_WALK_H

#include "platform/frame_code.h"
#include "unwind/unwind_row.h"

/* At most. */
#define WALK_REGISTERS 33

enum walk_location_kind {
    WALK_UNKNOWN,
    WALK_IN_REGISTER, /* still in the thread's register `number` */
    WALK_IN_MEMORY,   /* at the address `value` */
    WALK_VALUE        /* `value` itself */
};

struct walk_location {
    enum walk_location_kind kind;
    uint32_t number;
    struct walk_value value;
};

struct walk_state;

/* The processor, and how a side reads and logs cells; false: it can't. */
struct walk_side {
    uint32_t register_count;
    uint32_t stack_pointer;
    uint32_t program_counter;
    uint32_t frame_bytes; /* of processor.h */
    uint64_t return_mask; /* of the bits of a return address that are address */
    bool (*read_register)(struct walk_state *state, uint32_t number, bool relative,
                          struct walk_value *ret);
    bool (*read_memory)(struct walk_state *state, uint64_t address, bool relative,
                        struct walk_value *ret);
    bool (*frame_agrees)(struct walk_state *state, uint64_t address, bool known,
                         uint64_t return_address);
};

/* The registers as the frame at hand would find them.  The first member of a side's own struct. */
struct walk_state {
    const struct walk_side *side;
    bool pinned; /* the log has the stack pointer itself */
    struct walk_location registers[WALK_REGISTERS];
};

static inline bool walk_pin(void *arg) {
    struct walk_state *state = arg;
    struct walk_value ignored;
    if (!state->pinned)
        state->pinned =
            state->side->read_register(state, state->side->stack_pointer, false, &ignored);
    return state->pinned;
}

static inline bool walk_load(struct walk_state *state, struct walk_value address, bool relative,
                             struct walk_value *ret) {
    return (address.based || walk_pin(state)) &&
           state->side->read_memory(state, address.bits, relative, ret);
}

static inline bool walk_load_address(void *arg, struct walk_value address, struct walk_value *ret) {
    return walk_load(arg, address, true, ret);
}

/* The value of a register, as an address (`relative`) or as it is. */
static inline bool walk_register(struct walk_state *state, uint32_t number, bool relative,
                                 struct walk_value *ret) {
    const struct walk_location *location = &state->registers[number];
    switch (location->kind) {
    case WALK_IN_REGISTER:
        return state->side->read_register(state, location->number, relative, ret);
    case WALK_IN_MEMORY:
        return walk_load(state, location->value, relative, ret);
    case WALK_VALUE:
        *ret = location->value;
        return relative || !ret->based || walk_pin(state);
    default:
        return false;
    }
}

/* A register that a rule builds an address on; it stays known for the frames outwards. */
static inline bool walk_base(void *arg, uint64_t number, struct walk_value *ret) {
    struct walk_state *state = arg;
    if (number >= state->side->register_count ||
        !walk_register(state, (uint32_t)number, number != state->side->program_counter, ret))
        return false;
    state->registers[number] = (struct walk_location){.kind = WALK_VALUE, .value = *ret};
    return true;
}

static inline bool walk_evaluate(struct walk_state *state, const struct unwind_rule *rule,
                                 struct walk_value cfa, struct walk_value *ret) {
    struct expression expression = {.operations = rule->operations, .count = rule->operation_count};
    struct expression_context context = {.arg = state,
                                         .get_register = walk_base,
                                         .load = walk_load_address,
                                         .pin = walk_pin,
                                         .cfa = cfa};
    return expression_evaluate(&expression, &context, ret);
}

static inline bool walk_find_cfa(struct walk_state *state, const struct unwind_rule *rule,
                                 struct walk_value *ret) {
    struct walk_value none = {0};
    if (rule->kind == UNWIND_VALUE)
        return walk_evaluate(state, rule, none, ret) && (ret->based || walk_pin(state));
    if (rule->kind != UNWIND_REGISTER || !walk_base(state, rule->number, ret))
        return false;
    ret->bits += (uint64_t)rule->offset;
    return true;
}

static inline struct walk_location walk_at_offset(enum walk_location_kind kind,
                                                  struct walk_value base, int64_t offset) {
    base.bits += (uint64_t)offset;
    return (struct walk_location){.kind = kind, .value = base};
}

/* Where the caller's register is. */
static inline struct walk_location
walk_locate(struct walk_state *state, const struct unwind_rule *rule, struct walk_value cfa) {
    struct walk_location location = {.kind = WALK_UNKNOWN};
    switch (rule->kind) {
    case UNWIND_SAME:
        return state->registers[rule->target];
    case UNWIND_REGISTER:
        return rule->number < state->side->register_count ? state->registers[rule->number]
                                                          : location;
    case UNWIND_AT_OFFSET:
        return walk_at_offset(WALK_IN_MEMORY, cfa, rule->offset);
    case UNWIND_OFFSET:
        return walk_at_offset(WALK_VALUE, cfa, rule->offset);
    case UNWIND_AT_ADDRESS:
    case UNWIND_VALUE:
        if (walk_evaluate(state, rule, cfa, &location.value))
            location.kind = rule->kind == UNWIND_VALUE ? WALK_VALUE : WALK_IN_MEMORY;
        return location;
    default:
        return location;
    }
}

/* Makes the registers those of the caller. */
static inline void walk_change_simply(struct walk_state *state, const struct unwind_row *row,
                                      struct walk_value cfa) {
    struct walk_location *registers = state->registers;
    registers[state->side->program_counter] =
        walk_at_offset(WALK_IN_MEMORY, cfa, row->return_address.offset);
    registers[state->side->stack_pointer] = walk_at_offset(WALK_VALUE, cfa, 0);
    for (uint32_t i = 0; i < row->count; i++)
        registers[row->rules[i].target] = walk_at_offset(WALK_IN_MEMORY, cfa, row->rules[i].offset);
}

/* The same where they may depend on each other: all are located before any is changed. */
static inline void walk_change_registers(struct walk_state *state, const struct unwind_row *row,
                                         struct walk_value cfa) {
    struct walk_location *registers = state->registers;
    struct walk_location located[WALK_REGISTERS];
    struct walk_location return_address = walk_locate(state, &row->return_address, cfa);
    for (uint32_t i = 0; i < row->count; i++)
        located[i] = walk_locate(state, &row->rules[i], cfa);
    registers[state->side->program_counter] = return_address;
    registers[state->side->stack_pointer] = walk_at_offset(WALK_VALUE, cfa, 0);
    for (uint32_t i = 0; i < row->count; i++)
        registers[row->rules[i].target] = located[i];
}

/* Whether a frame pointer, from which the CFA was found, is one of this frame. */
static inline bool walk_is_frame_pointer(const struct walk_state *state, struct walk_value cfa) {
    const struct walk_location *stack_pointer = &state->registers[state->side->stack_pointer];
    uint64_t distance = cfa.bits - state->side->frame_bytes - stack_pointer->value.bits;
    return stack_pointer->kind == WALK_VALUE && cfa.based && distance < FRAME_CODE_LIMIT &&
           cfa.bits % sizeof(uint64_t) == 0;
}

/* Makes the frame's registers its caller's, of which *pc_ret is the pc, 0: there is no caller.
 * False: it can't be found.  address: of the frame's instruction. */
static inline bool walk_step(struct walk_state *state, const struct unwind_row *row,
                             struct walk_value cfa, uint64_t address, uint64_t *pc_ret) {
    const struct walk_side *side = state->side;
    struct walk_value pc, ignored;
    if (row->guessed && !walk_is_frame_pointer(state, cfa))
        return false;
    if (row->simple)
        walk_change_simply(state, row, cfa);
    else
        walk_change_registers(state, row, cfa);
    if (!walk_register(state, side->program_counter, false, &pc) ||
        (row->guessed && !side->frame_agrees(state, address, row->known, pc.bits)))
        return false;
    pc.bits &= side->return_mask;
    state->registers[side->program_counter] =
        (struct walk_location){.kind = WALK_VALUE, .value = {.bits = pc.bits}};
    /* One that was saved in memory (a signal's) is needed as an address only. */
    if (pc.bits && state->registers[side->stack_pointer].kind != WALK_VALUE)
        walk_base(state, side->stack_pointer, &ignored);
    *pc_ret = pc.bits;
    return true;
}

#endif
