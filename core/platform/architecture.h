/* Calling conventions: where a stopped program keeps arguments, results and return addresses. */
#ifndef TMPALLOC_ARCHITECTURE_H
#define TMPALLOC_ARCHITECTURE_H

#include <stdint.h>

#define ARCHITECTURE_ARGUMENTS 6

struct architecture {
    const char *name; /* as in struct tmpalloc_process */
    const char *stack_pointer;
    const char *result;
    const char *arguments[ARCHITECTURE_ARGUMENTS];
    uint32_t return_slot_bytes; /* what a return takes off the stack; the return address is there */
};

/* Where the direct call that ends at `return_address` goes, from the code before that address; 0:
 * it is no direct call. */
#define ARCHITECTURE_CALL_BYTES 5
uint64_t architecture_call_target(const struct architecture *architecture,
                                  const uint8_t code[ARCHITECTURE_CALL_BYTES],
                                  uint64_t return_address);

/* The architecture with this name; NULL: not supported. */
const struct architecture *architecture_find(const char *name);
/* Names of the supported ones, for messages. */
const char *architecture_names(void);

#endif
