/* Rows that the process itself doesn't have: what the debugger knows of code without call frame
 * information in memory, asked for once per place and kept for all threads. */
#ifndef TMPALLOC_AGENT_CFI_TOLD_H
#define TMPALLOC_AGENT_CFI_TOLD_H

#include "agent/unwind/cfi_row.h"
#include "tmpalloc/agent_image.h"

/* Fills in the answer; false: there is nobody who would. */
typedef bool (*cfi_ask)(struct agent_code *code);

/* Whom to ask from now on. */
void cfi_told_by(cfi_ask ask);

/* The row for the instruction at an address of a module, valid for ever.  *ret is NULL when there
 * is none.  TMPALLOC_OK, TMPALLOC_E_NOMEM; TMPALLOC_E_BUSY: there was no answer, but there may be
 * one the next time. */
int cfi_told_find(uintptr_t address, uint32_t identity, const struct cfi_row **ret);

#endif
