/* Single instructions of x86-64.  Compiled into the agent as well. */
#ifndef TMPALLOC_CODE_X86_64_H
#define TMPALLOC_CODE_X86_64_H

#include <stdint.h>
#include <string.h>

/* Intel SDM, volume 2: INT3. */
#define CODE_X86_64_BREAKPOINT 0xcc

/* CALL rel32 is E8 and a displacement from the next instruction; 0: it is none. */
#define CODE_X86_64_CALL_BYTES 5
static inline uint64_t code_x86_64_call_target(const uint8_t *code, uint64_t return_address) {
    int32_t displacement;
    if (code[0] != 0xe8)
        return 0;
    memcpy(&displacement, code + 1, sizeof displacement);
    return return_address + (uint64_t)(int64_t)displacement;
}

/* jmp *target(%rip) */
struct code_x86_64_stub {
    uint8_t jump[8];
    uint64_t target;
};

_Static_assert(sizeof(struct code_x86_64_stub) == 16, "the jump knows where its target is");

#define CODE_X86_64_STUB(address)                                                                  \
    { .jump = {0xff, 0x25, 2, 0, 0, 0}, .target = (address) }

#endif
