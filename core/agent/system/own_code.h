/* Where code is that has a part in every allocation: the agent's, and the C library's. */
#ifndef TMPALLOC_AGENT_OWN_CODE_H
#define TMPALLOC_AGENT_OWN_CODE_H

#include <stdbool.h>
#include <stdint.h>

struct own_code {
    uintptr_t start;
    uintptr_t size_bytes;
};

/* Empty until functions were hooked. */
extern struct own_code own_code_agent;
extern struct own_code own_code_c_library;

static inline bool own_code_has(const struct own_code *code, uintptr_t address) {
    return address - code->start < code->size_bytes;
}

#endif
