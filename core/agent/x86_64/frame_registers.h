/* The registers that call frame information has rules for, and frames that have none. */
#ifndef TMPALLOC_AGENT_FRAME_REGISTERS_H
#define TMPALLOC_AGENT_FRAME_REGISTERS_H

#include "platform/frame_code_x86_64.h"

/* rax rdx rcx rbx rsi rdi rbp rsp r8 ... r15, return address. */
#define CFI_REGISTERS      17
#define CFI_FRAME_POINTER  6
#define CFI_STACK_POINTER  7
#define CFI_RETURN_ADDRESS 16

#define FRAME_POINTER_BYTES FRAME_CODE_X86_64_BYTES

/* As processor.h has it. */
static inline bool frame_code_agrees(frame_code_read read, void *arg, uint64_t address, bool known,
                                     uint64_t return_address) {
    return frame_code_x86_64_agrees(read, arg, address, known, return_address);
}

#endif
