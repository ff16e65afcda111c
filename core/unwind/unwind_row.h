/* A row of call frame information: how to get from a frame to its caller.  libdw's in the debugger
 * (unwinder_rules.h), read from memory in the agent (cfi_rows.h). */
#ifndef TMPALLOC_UNWIND_ROW_H
#define TMPALLOC_UNWIND_ROW_H

#include "unwind/unwinder_expression.h"

enum unwind_rule_kind {
    UNWIND_SAME,       /* as it was in the called frame */
    UNWIND_UNDEFINED,  /* it can't be recovered */
    UNWIND_AT_OFFSET,  /* in memory at CFA + offset */
    UNWIND_OFFSET,     /* CFA + offset */
    UNWIND_REGISTER,   /* what the register `number` is, plus offset */
    UNWIND_AT_ADDRESS, /* in memory at the address that the expression gives */
    UNWIND_VALUE       /* what the expression gives */
};

/* How a register of the caller is found. */
struct unwind_rule {
    uint8_t kind;   /* enum unwind_rule_kind */
    uint8_t target; /* the register's number */
    uint8_t number;
    uint32_t operation_count; /* of the expression; 0: the rule has none */
    union {
        int64_t offset;
        const Dwarf_Op *operations;
    };
};

struct unwind_row {
    bool signal; /* the frame called a signal handler: its caller was interrupted */
    bool simple; /* all that is recovered is at an offset from the CFA */
    /* There is no call frame information: the row is a frame pointer's, and holds as far as the
     * processor's frame_agrees() says.  known: the function that the code belongs to sets it. */
    bool guessed;
    bool known;
    uint8_t count;          /* of rules */
    struct unwind_rule cfa; /* UNWIND_REGISTER or UNWIND_VALUE; any other: there is no row */
    struct unwind_rule return_address;
    /* Of the other registers.  Those without one are the same in the caller, but for the stack
     * pointer, which is the CFA. */
    struct unwind_rule *rules;
};

#endif
