#include "agent/unwind/cfi_program.h"

#include <dwarf.h>

#define PRIMARY_BITS 0xc0
#define OPERAND_BITS 0x3f

/* Vector registers and the like have numbers too: rules for them go nowhere. */
static void set_rule(struct cfi_program *program, uint64_t number, struct cfi_rule rule) {
    if (number < CFI_REGISTERS)
        program->state.registers[number] = rule;
}

static void set_offset(struct cfi_program *program, uint64_t number, enum unwind_rule_kind kind,
                       uint64_t factored) {
    int64_t offset = (int64_t)(factored * (uint64_t)program->data_factor);
    set_rule(program, number, (struct cfi_rule){.kind = (uint8_t)kind, .offset = offset});
}

static void restore_rule(struct cfi_program *program, uint64_t number) {
    if (number < CFI_REGISTERS)
        program->state.registers[number] = program->initial.registers[number];
}

static bool set_cfa(struct cfi_program *program, uint64_t number, int64_t offset) {
    program->state.cfa =
        (struct cfi_rule){.kind = UNWIND_REGISTER, .source = (uint8_t)number, .offset = offset};
    return number < CFI_REGISTERS;
}

static struct cfi_rule read_expression(struct cfi_bytes *bytes, enum unwind_rule_kind kind) {
    uint64_t size = cfi_bytes_uleb(bytes);
    const uint8_t *expression = cfi_bytes_skip(bytes, size);
    return (struct cfi_rule){
        .kind = (uint8_t)kind, .size = (uint32_t)size, .expression = expression};
}

static bool cfi_program_advance(struct cfi_program *program, uint64_t factored) {
    program->location += factored * program->code_factor;
    return true;
}

static bool cfi_program_remember(struct cfi_program *program) {
    if (program->depth == CFI_REMEMBERED)
        return false;
    program->remembered[program->depth++] = program->state;
    return true;
}

static bool cfi_program_recall(struct cfi_program *program) {
    if (program->depth == 0)
        return false;
    program->state = program->remembered[--program->depth];
    return true;
}

/* Where the rules that follow hold from. */
static bool run_location(struct cfi_program *program, uint8_t code, struct cfi_bytes *bytes) {
    switch (code) {
    case DW_CFA_advance_loc1:
        return cfi_program_advance(program, cfi_bytes_unsigned(bytes, 1));
    case DW_CFA_advance_loc2:
        return cfi_program_advance(program, cfi_bytes_unsigned(bytes, 2));
    case DW_CFA_advance_loc4:
        return cfi_program_advance(program, cfi_bytes_unsigned(bytes, 4));
    case DW_CFA_set_loc:
        program->location = cfi_bytes_pointer(bytes, program->pointer_encoding, 0);
        return true;
    default:
        return false;
    }
}

static bool run_cfa(struct cfi_program *program, uint8_t code, struct cfi_bytes *bytes) {
    struct cfi_rule *cfa = &program->state.cfa;
    uint64_t number = 0;
    switch (code) {
    case DW_CFA_def_cfa:
        number = cfi_bytes_uleb(bytes);
        return set_cfa(program, number, (int64_t)cfi_bytes_uleb(bytes));
    case DW_CFA_def_cfa_sf:
        number = cfi_bytes_uleb(bytes);
        return set_cfa(program, number, cfi_bytes_sleb(bytes) * program->data_factor);
    case DW_CFA_def_cfa_register:
        return cfa->kind == UNWIND_REGISTER && set_cfa(program, cfi_bytes_uleb(bytes), cfa->offset);
    case DW_CFA_def_cfa_offset:
        return cfa->kind == UNWIND_REGISTER &&
               set_cfa(program, cfa->source, (int64_t)cfi_bytes_uleb(bytes));
    case DW_CFA_def_cfa_offset_sf:
        return cfa->kind == UNWIND_REGISTER &&
               set_cfa(program, cfa->source, cfi_bytes_sleb(bytes) * program->data_factor);
    case DW_CFA_def_cfa_expression:
        *cfa = read_expression(bytes, UNWIND_VALUE);
        return true;
    default:
        return false;
    }
}

static bool run_offset(struct cfi_program *program, uint8_t code, struct cfi_bytes *bytes) {
    uint64_t number = cfi_bytes_uleb(bytes);
    switch (code) {
    case DW_CFA_offset_extended:
        set_offset(program, number, UNWIND_AT_OFFSET, cfi_bytes_uleb(bytes));
        return true;
    case DW_CFA_offset_extended_sf:
        set_offset(program, number, UNWIND_AT_OFFSET, (uint64_t)cfi_bytes_sleb(bytes));
        return true;
    case DW_CFA_GNU_negative_offset_extended:
        set_offset(program, number, UNWIND_AT_OFFSET, -cfi_bytes_uleb(bytes));
        return true;
    case DW_CFA_val_offset:
        set_offset(program, number, UNWIND_OFFSET, cfi_bytes_uleb(bytes));
        return true;
    case DW_CFA_val_offset_sf:
        set_offset(program, number, UNWIND_OFFSET, (uint64_t)cfi_bytes_sleb(bytes));
        return true;
    default:
        return false;
    }
}

static bool set_source(struct cfi_program *program, uint64_t number, uint64_t source) {
    set_rule(program, number,
             (struct cfi_rule){.kind = UNWIND_REGISTER, .source = (uint8_t)source});
    return source < CFI_REGISTERS;
}

static bool run_register(struct cfi_program *program, uint8_t code, struct cfi_bytes *bytes) {
    uint64_t number = cfi_bytes_uleb(bytes);
    switch (code) {
    case DW_CFA_restore_extended:
        restore_rule(program, number);
        return true;
    case DW_CFA_undefined:
        set_rule(program, number, (struct cfi_rule){.kind = UNWIND_UNDEFINED});
        return true;
    case DW_CFA_same_value:
        set_rule(program, number, (struct cfi_rule){.kind = UNWIND_SAME});
        return true;
    case DW_CFA_register:
        return set_source(program, number, cfi_bytes_uleb(bytes));
    case DW_CFA_expression:
        set_rule(program, number, read_expression(bytes, UNWIND_AT_ADDRESS));
        return true;
    case DW_CFA_val_expression:
        set_rule(program, number, read_expression(bytes, UNWIND_VALUE));
        return true;
    default:
        return false;
    }
}

static bool run_extended(struct cfi_program *program, uint8_t code, struct cfi_bytes *bytes) {
    switch (code) {
    case DW_CFA_nop:
        return true;
    case DW_CFA_GNU_args_size:
        cfi_bytes_uleb(bytes);
        return true;
    case DW_CFA_remember_state:
        return cfi_program_remember(program);
    case DW_CFA_restore_state:
        return cfi_program_recall(program);
    case DW_CFA_set_loc:
    case DW_CFA_advance_loc1:
    case DW_CFA_advance_loc2:
    case DW_CFA_advance_loc4:
        return run_location(program, code, bytes);
    case DW_CFA_offset_extended:
    case DW_CFA_offset_extended_sf:
    case DW_CFA_GNU_negative_offset_extended:
    case DW_CFA_val_offset:
    case DW_CFA_val_offset_sf:
        return run_offset(program, code, bytes);
    case DW_CFA_restore_extended:
    case DW_CFA_undefined:
    case DW_CFA_same_value:
    case DW_CFA_register:
    case DW_CFA_expression:
    case DW_CFA_val_expression:
        return run_register(program, code, bytes);
    default:
        return run_cfa(program, code, bytes);
    }
}

static bool run_one(struct cfi_program *program, struct cfi_bytes *bytes) {
    uint8_t code = (uint8_t)cfi_bytes_unsigned(bytes, 1);
    uint8_t operand = code & OPERAND_BITS;
    switch (code & PRIMARY_BITS) {
    case DW_CFA_advance_loc:
        return cfi_program_advance(program, operand);
    case DW_CFA_offset:
        set_offset(program, operand, UNWIND_AT_OFFSET, cfi_bytes_uleb(bytes));
        return true;
    case DW_CFA_restore:
        restore_rule(program, operand);
        return true;
    default:
        return run_extended(program, code, bytes);
    }
}

bool cfi_program_run(struct cfi_program *program, struct cfi_bytes *instructions) {
    while (instructions->at < instructions->end && program->location <= program->target) {
        if (!run_one(program, instructions) || instructions->failed)
            return false;
    }
    return true;
}
