/* Lengths of x86-64 instructions, and what of them depends on where they are.
 *
 * After the opcode maps of Intel's Software Developer's Manual, volume 2, appendix A, in 64-bit
 * mode: one-byte, 0F, 0F 38 and 0F 3A, and those of VEX and EVEX prefixes.  AMD's 3DNow
 * and XOP are known, APX is not.  Instructions that don't exist may pass for one of the length that
 * their map gives them. */
#ifndef TMPALLOC_AGENT_CODE_INSTRUCTION_H
#define TMPALLOC_AGENT_CODE_INSTRUCTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CODE_INSTRUCTION_LIMIT 15 /* bytes */

enum code_kind {
    CODE_PLAIN,
    CODE_NOP,        /* of any length */
    CODE_BREAKPOINT, /* int3 */
    /* With a target. */
    CODE_JUMP,
    CODE_CONDITIONAL_JUMP,
    CODE_CALL,
    CODE_SHORT_BRANCH, /* loop, jrcxz, xbegin: has no negation or longer form */
    /* Elsewhere. */
    CODE_INDIRECT_JUMP,
    CODE_INDIRECT_CALL,
    CODE_RETURN, /* also ud2 and hlt: what follows isn't reached from here */
};

struct code_instruction {
    uint8_t length;
    uint8_t kind;      /* enum code_kind */
    uint8_t condition; /* of a conditional jump: its number in the opcode */
    /* Of an operand relative to the instruction's end: where its 4 bytes are; 0: there is none. */
    uint8_t displacement_offset;
    uintptr_t target; /* of a kind that has one */
};

/* Decodes the instruction at `code`, of which no byte from `end` on is read.  False: it is unknown
 * or not complete. */
bool code_decode(const uint8_t *code, const uint8_t *end, struct code_instruction *ret);

static inline bool code_has_target(const struct code_instruction *instruction) {
    return instruction->kind >= CODE_JUMP && instruction->kind <= CODE_SHORT_BRANCH;
}

/* The address that the operand with a displacement_offset has. */
uintptr_t code_operand(const uint8_t *code, const struct code_instruction *instruction);

#endif
