#include "unwind/unwinder_expression.h"

#include <dwarf.h>

#define STACK_LIMIT 64

struct machine {
    const struct expression_context *context;
    struct walk_value stack[STACK_LIMIT];
    size_t depth;
};

static bool unwinder_expression_push(struct machine *machine, uint64_t bits, bool based) {
    if (machine->depth == STACK_LIMIT)
        return false;
    machine->stack[machine->depth++] = (struct walk_value){.bits = bits, .based = based};
    return true;
}

static bool push_register(struct machine *machine, uint64_t number, uint64_t offset) {
    struct walk_value value;
    return machine->context->get_register(machine->context->arg, number, &value) &&
           unwinder_expression_push(machine, value.bits + offset, value.based);
}

static bool unwinder_expression_copy(struct machine *machine, uint64_t below) {
    if (below >= machine->depth)
        return false;
    struct walk_value value = machine->stack[machine->depth - 1 - below];
    return unwinder_expression_push(machine, value.bits, value.based);
}

static bool unwinder_expression_rotate(struct machine *machine, size_t count) {
    if (machine->depth < count)
        return false;
    struct walk_value *bottom = &machine->stack[machine->depth - count];
    struct walk_value top = bottom[count - 1];
    for (size_t i = count - 1; i > 0; i--)
        bottom[i] = bottom[i - 1];
    bottom[0] = top;
    return true;
}

static bool unwinder_expression_dereference(struct machine *machine, uint64_t size) {
    if (machine->depth == 0 || size == 0 || size > 8)
        return false;
    struct walk_value *top = &machine->stack[machine->depth - 1];
    if (!machine->context->load(machine->context->arg, *top, top))
        return false;
    if (size == 8)
        return true;
    if (top->based && !machine->context->pin(machine->context->arg))
        return false;
    *top = (struct walk_value){.bits = top->bits & ((UINT64_C(1) << size * 8) - 1)};
    return true;
}

/* Adds and subtracts addresses as what they are; anything else with an address ties the result to
 * this stack pointer. */
static bool add_or_subtract(struct machine *machine, uint8_t atom) {
    struct walk_value right = machine->stack[--machine->depth];
    struct walk_value left = machine->stack[--machine->depth];
    bool plus = atom == DW_OP_plus;
    bool based = left.based != right.based && (plus || left.based);
    bool cancels = !plus && left.based && right.based;
    if ((left.based || right.based) && !based && !cancels &&
        !machine->context->pin(machine->context->arg))
        return false;
    return unwinder_expression_push(machine, plus ? left.bits + right.bits : left.bits - right.bits,
                                    based);
}

static bool unwinder_expression_combine(uint8_t atom, uint64_t left, uint64_t right,
                                        uint64_t *ret) {
    int64_t signed_left = (int64_t)left;
    int64_t signed_right = (int64_t)right;
    switch (atom) {
    case DW_OP_and:
        return *ret = left & right, true;
    case DW_OP_or:
        return *ret = left | right, true;
    case DW_OP_xor:
        return *ret = left ^ right, true;
    case DW_OP_mul:
        return *ret = left * right, true;
    case DW_OP_shl:
        return *ret = right < 64 ? left << right : 0, true;
    case DW_OP_shr:
        return *ret = right < 64 ? left >> right : 0, true;
    case DW_OP_eq:
        return *ret = left == right, true;
    case DW_OP_ne:
        return *ret = left != right, true;
    case DW_OP_ge:
        return *ret = signed_left >= signed_right, true;
    case DW_OP_gt:
        return *ret = signed_left > signed_right, true;
    case DW_OP_le:
        return *ret = signed_left <= signed_right, true;
    case DW_OP_lt:
        return *ret = signed_left < signed_right, true;
    default:
        return false;
    }
}

static bool apply_binary(struct machine *machine, uint8_t atom) {
    if (machine->depth < 2)
        return false;
    if (atom == DW_OP_plus || atom == DW_OP_minus)
        return add_or_subtract(machine, atom);
    struct walk_value right = machine->stack[--machine->depth];
    struct walk_value left = machine->stack[--machine->depth];
    uint64_t bits;
    if ((left.based || right.based) && !machine->context->pin(machine->context->arg))
        return false;
    return unwinder_expression_combine(atom, left.bits, right.bits, &bits) &&
           unwinder_expression_push(machine, bits, false);
}

static bool push_constant(struct machine *machine, const Dwarf_Op *operation) {
    switch (operation->atom) {
    case DW_OP_addr:
    case DW_OP_const1u:
    case DW_OP_const1s:
    case DW_OP_const2u:
    case DW_OP_const2s:
    case DW_OP_const4u:
    case DW_OP_const4s:
    case DW_OP_const8u:
    case DW_OP_const8s:
    case DW_OP_constu:
    case DW_OP_consts:
        return unwinder_expression_push(machine, operation->number, false);
    default:
        return false;
    }
}

static bool add_constant(struct machine *machine, uint64_t number) {
    if (machine->depth == 0)
        return false;
    machine->stack[machine->depth - 1].bits += number;
    return true;
}

static bool unwinder_expression_apply(struct machine *machine, const Dwarf_Op *operation) {
    uint8_t atom = operation->atom;
    if (atom >= DW_OP_lit0 && atom <= DW_OP_lit31)
        return unwinder_expression_push(machine, atom - DW_OP_lit0, false);
    if (atom >= DW_OP_breg0 && atom <= DW_OP_breg31)
        return push_register(machine, atom - DW_OP_breg0, operation->number);
    switch (atom) {
    case DW_OP_nop:
        return true;
    case DW_OP_bregx:
        return push_register(machine, operation->number, operation->number2);
    case DW_OP_call_frame_cfa:
        return unwinder_expression_push(machine, machine->context->cfa.bits,
                                        machine->context->cfa.based);
    case DW_OP_plus_uconst:
        return add_constant(machine, operation->number);
    case DW_OP_deref:
        return unwinder_expression_dereference(machine, 8);
    case DW_OP_deref_size:
        return unwinder_expression_dereference(machine, operation->number);
    case DW_OP_dup:
        return unwinder_expression_copy(machine, 0);
    case DW_OP_over:
        return unwinder_expression_copy(machine, 1);
    case DW_OP_pick:
        return unwinder_expression_copy(machine, operation->number);
    case DW_OP_drop:
        return machine->depth > 0 && machine->depth--;
    case DW_OP_swap:
        return unwinder_expression_rotate(machine, 2);
    case DW_OP_rot:
        return unwinder_expression_rotate(machine, 3);
    default:
        return push_constant(machine, operation) || apply_binary(machine, atom);
    }
}

bool expression_evaluate(const struct expression *expression,
                         const struct expression_context *context, struct walk_value *ret) {
    struct machine machine = {.context = context};
    for (size_t i = 0; i < expression->count; i++) {
        if (!unwinder_expression_apply(&machine, &expression->operations[i]))
            return false;
    }
    if (machine.depth == 0)
        return false;
    *ret = machine.stack[machine.depth - 1];
    return true;
}
