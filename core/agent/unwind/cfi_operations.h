/* DWARF expressions from bytes to operations. */
#ifndef TMPALLOC_AGENT_CFI_OPERATIONS_H
#define TMPALLOC_AGENT_CFI_OPERATIONS_H

#include <elfutils/libdw.h>

#include "agent/unwind/cfi_bytes.h"

/* The next operation; bytes->failed when it is unknown or cut off. */
Dwarf_Op cfi_operation_read(struct cfi_bytes *bytes);

#endif
