#include "architecture.h"

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

const struct architecture *architecture_find(const char *name) {
    return strcmp(name, x86_64.name) == 0 ? &x86_64 : NULL;
}

const char *architecture_names(void) {
    return x86_64.name;
}
