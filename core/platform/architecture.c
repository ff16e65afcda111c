#include "platform/architecture.h"

#include <stddef.h>
#include <string.h>

/* System V Application Binary Interface, AMD64 supplement, section 3.2. */
static const struct architecture x86_64 = {
    .name = "x86_64",
    .stack_pointer = "rsp",
    .result = "rax",
    .arguments = {"rdi", "rsi", "rdx", "rcx", "r8", "r9"},
    .return_slot_bytes = 8,
};

/* Intel SDM, volume 2: CALL rel32 is E8 and a displacement from the next instruction. */
uint64_t architecture_call_target(const struct architecture *architecture,
                                  const uint8_t code[ARCHITECTURE_CALL_BYTES],
                                  uint64_t return_address) {
    int32_t displacement;
    if (architecture != &x86_64 || code[0] != 0xe8)
        return 0;
    memcpy(&displacement, code + 1, sizeof(displacement));
    return return_address + (uint64_t)(int64_t)displacement;
}

const struct architecture *architecture_find(const char *name) {
    return strcmp(name, x86_64.name) == 0 ? &x86_64 : NULL;
}

const char *architecture_names(void) {
    return x86_64.name;
}
