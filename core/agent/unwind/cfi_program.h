/* The instructions of call frame information: what they make of the rules at one address. */
#ifndef TMPALLOC_AGENT_CFI_PROGRAM_H
#define TMPALLOC_AGENT_CFI_PROGRAM_H

#include "agent/unwind/cfi_bytes.h"
#include "agent/x86_64/frame_registers.h"
#include "unwind/unwind_row.h"

struct cfi_rule {
    uint8_t kind;   /* enum unwind_rule_kind */
    uint8_t source; /* a register's number */
    uint32_t size;  /* of the expression */
    union {
        int64_t offset;
        const uint8_t *expression; /* in the module */
    };
};

struct cfi_state {
    struct cfi_rule cfa;
    struct cfi_rule registers[CFI_REGISTERS];
};

/* Nested DW_CFA_remember_state; compilers need one level. */
#define CFI_REMEMBERED 8

struct cfi_program {
    uint64_t code_factor;
    int64_t data_factor;
    uint8_t pointer_encoding;
    uintptr_t location; /* where the state holds from */
    uintptr_t target;   /* the address in question */
    uint32_t depth;
    struct cfi_state state;
    struct cfi_state initial; /* after the CIE's instructions */
    struct cfi_state remembered[CFI_REMEMBERED];
};

/* Runs instructions up to the target or their end.  False: they can't be understood. */
bool cfi_program_run(struct cfi_program *program, struct cfi_bytes *instructions);

#endif
