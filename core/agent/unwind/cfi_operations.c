#include "agent/unwind/cfi_operations.h"

#include <dwarf.h>

static uint64_t read_constant(struct cfi_bytes *bytes, uint8_t atom) {
    switch (atom) {
    case DW_OP_const1u:
        return cfi_bytes_unsigned(bytes, 1);
    case DW_OP_const2u:
        return cfi_bytes_unsigned(bytes, 2);
    case DW_OP_const4u:
        return cfi_bytes_unsigned(bytes, 4);
    case DW_OP_const1s:
        return (uint64_t)cfi_bytes_signed(bytes, 1);
    case DW_OP_const2s:
        return (uint64_t)cfi_bytes_signed(bytes, 2);
    case DW_OP_const4s:
        return (uint64_t)cfi_bytes_signed(bytes, 4);
    case DW_OP_addr:
    case DW_OP_const8u:
    case DW_OP_const8s:
        return cfi_bytes_unsigned(bytes, 8);
    default:
        bytes->failed = true;
        return 0;
    }
}

static bool has_no_operand(uint8_t atom) {
    switch (atom) {
    case DW_OP_deref:
    case DW_OP_dup:
    case DW_OP_drop:
    case DW_OP_over:
    case DW_OP_swap:
    case DW_OP_rot:
    case DW_OP_nop:
        return true;
    default:
        return (atom >= DW_OP_abs && atom <= DW_OP_plus) ||
               (atom >= DW_OP_shl && atom <= DW_OP_xor) || (atom >= DW_OP_eq && atom <= DW_OP_ne) ||
               (atom >= DW_OP_lit0 && atom <= DW_OP_lit31);
    }
}

static uint64_t read_operand(struct cfi_bytes *bytes, uint8_t atom) {
    if (has_no_operand(atom))
        return 0;
    if (atom >= DW_OP_breg0 && atom <= DW_OP_breg31)
        return (uint64_t)cfi_bytes_sleb(bytes);
    switch (atom) {
    case DW_OP_constu:
    case DW_OP_plus_uconst:
    case DW_OP_bregx:
        return cfi_bytes_uleb(bytes);
    case DW_OP_consts:
        return (uint64_t)cfi_bytes_sleb(bytes);
    case DW_OP_pick:
    case DW_OP_deref_size:
        return cfi_bytes_unsigned(bytes, 1);
    default:
        return read_constant(bytes, atom);
    }
}

Dwarf_Op cfi_operation_read(struct cfi_bytes *bytes) {
    Dwarf_Op operation = {.atom = (uint8_t)cfi_bytes_unsigned(bytes, 1)};
    operation.number = read_operand(bytes, operation.atom);
    if (operation.atom == DW_OP_bregx)
        operation.number2 = (uint64_t)cfi_bytes_sleb(bytes);
    return operation;
}
