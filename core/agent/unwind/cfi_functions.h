/* What .eh_frame says of one function: where it is, and its call frame instructions. */
#ifndef TMPALLOC_AGENT_CFI_FUNCTIONS_H
#define TMPALLOC_AGENT_CFI_FUNCTIONS_H

#include "agent/unwind/cfi_bytes.h"

struct cfi_function {
    uintptr_t start;
    uintptr_t size;
    uint64_t code_factor;
    int64_t data_factor;
    uint64_t return_column;
    uint8_t pointer_encoding;
    bool signal; /* it calls a signal handler: its caller was interrupted */
    struct cfi_bytes common_instructions; /* to be run first */
    struct cfi_bytes instructions;
};

/* The function that an address is in, by a file's .eh_frame_hdr as cfi_modules.h has it.  False:
 * there is none, or what is said of it can't be understood. */
bool cfi_function_find(const uint8_t *header, uintptr_t address, struct cfi_function *ret);

#endif
