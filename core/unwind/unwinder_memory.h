/* The debuggee's stack as one capture sees it: read in pieces, each at most once. */
#ifndef TMPALLOC_UNWINDER_MEMORY_H
#define TMPALLOC_UNWINDER_MEMORY_H

#include <stdbool.h>
#include <stdint.h>

#include "debugger/host.h"

#define STACK_CHUNK_BYTES 2048
#define STACK_CHUNKS      16

struct stack_chunk {
    uint64_t address;
    uint32_t size; /* 0: unused */
    unsigned char bytes[STACK_CHUNK_BYTES];
};

struct stack_memory {
    struct host *host;
    uint32_t next; /* the chunk that is replaced next */
    struct stack_chunk chunks[STACK_CHUNKS];
};

/* Forgets what was read: the program ran. */
void stack_memory_forget(struct stack_memory *memory);
/* Eight bytes.  False: they can't be read. */
bool stack_memory_read(struct stack_memory *memory, uint64_t address, uint64_t *ret);

#endif
