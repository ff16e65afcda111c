/* Single instructions, as bytes. */
#ifndef TMPALLOC_AGENT_CODE_BYTES_H
#define TMPALLOC_AGENT_CODE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "platform/code_x86_64.h"

#define CODE_BREAKPOINT_BYTE CODE_X86_64_BREAKPOINT
#define CODE_NOP_BYTE        0x90

/* Of a direct call; where it goes, 0: it is none. */
#define CODE_CALL_BYTES CODE_X86_64_CALL_BYTES
static inline uintptr_t code_call_target(const uint8_t *code, uintptr_t return_address) {
    return code_x86_64_call_target(code, return_address);
}

/* Jumps anywhere. */
#define code_far_jump         code_x86_64_stub
#define CODE_FAR_JUMP(target) CODE_X86_64_STUB(target)

/* How far the distance of a jump may be from what it jumps to, with room to spare; behind all that
 * a process has without asking for more. */
#define CODE_REACH       ((uintptr_t)1 << 30)
#define CODE_ADDRESS_END ((uintptr_t)1 << 47)

/* The distance that consists of breakpoints, from the end of a jump. */
#define CODE_BREAKPOINT_DISTANCE ((uintptr_t)(int32_t)0xcccccccc)

/* What stands first in a function that pointers lead to. */
static inline uintptr_t code_skip_landing(uintptr_t function) {
    static const uint8_t endbr64[] = {0xf3, 0x0f, 0x1e, 0xfa};
    bool has = memcmp((const void *)function, endbr64, sizeof endbr64) == 0;
    return has ? function + sizeof endbr64 : function;
}

/* In one instruction, which nothing that is missing for the moment can keep from ending. */
static inline void code_copy(void *to, const void *from, size_t size_bytes) {
    __asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(size_bytes) : : "memory");
}

static inline void code_fill(void *to, int byte, size_t size_bytes) {
    __asm__ volatile("rep stosb" : "+D"(to), "+c"(size_bytes) : "a"(byte) : "memory");
}

#endif
