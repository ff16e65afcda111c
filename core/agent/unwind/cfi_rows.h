/* Rows of call frame information: how to get from a frame to its caller, kept per address.
 *
 * Read from the mapped .eh_frame of the file that the code is in, else told by the debugger
 * (cfi_told.h); of code of no file, frame pointers.  Expressions are the core's
 * (unwinder_expression.h), so one evaluator serves debugger and debuggee. */
#ifndef TMPALLOC_AGENT_CFI_ROWS_H
#define TMPALLOC_AGENT_CFI_ROWS_H

#include <stdbool.h>

#include "agent/unwind/cfi_row.h"

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
