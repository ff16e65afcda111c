/* Relocations that are pointers to functions. */
#ifndef TMPALLOC_AGENT_RELOCATION_TYPES_H
#define TMPALLOC_AGENT_RELOCATION_TYPES_H

#include <elf.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* Of the procedure linkage table, which may be bound later. */
static inline bool relocation_is_call(uint64_t type) {
    return type == R_X86_64_JUMP_SLOT;
}

static inline bool relocation_is_pointer(uint64_t type) {
    return type == R_X86_64_GLOB_DAT || type == R_X86_64_64 || type == R_X86_64_IRELATIVE;
}

/* The slot of a symbol that nobody has called yet leads to the push after its jump in the procedure
 * linkage table (System V ABI, AMD64, 5.2), which may come after an endbr64. */
static inline bool relocation_binds_later(uintptr_t code) {
    static const uint8_t push = 0x68;
    static const uint8_t endbr64_push[] = {0xf3, 0x0f, 0x1e, 0xfa, 0x68};
    return memcmp((const void *)code, &push, 1) == 0 ||
           memcmp((const void *)code, endbr64_push, 5) == 0;
}

#endif
