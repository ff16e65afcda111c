/* Rows of call frame information: how to get from a frame to its caller, kept per address.
 *
 * Read from the mapped .eh_frame of the file that the code is in, else told by the debugger
 * (cfi_told.h); of code of no file, frame pointers.  Expressions are the core's
 * (unwinder_expression.h), so one evaluator serves debugger and debuggee. */
#ifndef TMPALLOC_AGENT_CFI_ROWS_H
#define TMPALLOC_AGENT_CFI_ROWS_H

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
    bool guessed;            /* a frame pointer's: it holds as far as code_frame_agrees() says */
    bool known;              /* a guessed one's function sets the frame pointer */
    uint8_t count;           /* of recoveries; registers without one are the same in the caller */
    uint32_t identity;       /* of the module */
    struct cfi_recovery cfa; /* CFI_REGISTER or CFI_EXPRESSION */
    struct cfi_recovery return_address;
    struct cfi_recovery recoveries[]; /* of the other registers */
};

struct cfi_rows;

int cfi_rows_create(struct cfi_rows **ret);
void cfi_rows_destroy(struct cfi_rows *rows);
/* Forgets everything: code may have been unloaded. */
void cfi_rows_clear(struct cfi_rows *rows);

/* The row for a pc, which is a return address unless `exact`.  *ret is NULL when there is none for
 * it.  TMPALLOC_OK, TMPALLOC_E_NOMEM or TMPALLOC_E_BUSY: there may be one the next time.  Valid
 * until clear or destroy. */
int cfi_rows_find(struct cfi_rows *rows, uintptr_t pc, bool exact, const struct cfi_row **ret);

#endif
