/* A row of call frame information: how to get from a frame to its caller. */
#ifndef TMPALLOC_AGENT_CFI_ROW_H
#define TMPALLOC_AGENT_CFI_ROW_H

#include <stdbool.h>

#include "agent/unwind/cfi_program.h"
#include "unwind/unwinder_expression.h"

/* How a register of the caller is found. */
struct cfi_recovery {
    uint8_t kind;             /* enum cfi_kind; not CFI_SAME */
    uint8_t target;           /* the register's number */
    uint8_t source;           /* of CFI_REGISTER */
    uint32_t operation_count; /* of CFI_EXPRESSION and CFI_AT_EXPRESSION */
    union {
        int64_t offset;
        const Dwarf_Op *operations;
    };
};

struct cfi_row {
    bool signal;             /* the frame called a signal handler: its caller was interrupted */
    bool simple;             /* all that is recovered is at an offset from the CFA */
    bool guessed;            /* a frame pointer's: it holds as far as frame_code_agrees() says */
    bool known;              /* a guessed one's function sets the frame pointer */
    uint8_t count;           /* of recoveries; registers without one are the same in the caller */
    uint32_t identity;       /* of the module */
    struct cfi_recovery cfa; /* CFI_REGISTER or CFI_EXPRESSION */
    struct cfi_recovery return_address;
    struct cfi_recovery recoveries[]; /* of the other registers */
};

#endif
