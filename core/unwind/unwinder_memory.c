#include "unwind/unwinder_memory.h"

#include <string.h>

#include "platform/page.h"

void stack_memory_forget(struct stack_memory *memory) {
    for (uint32_t i = 0; i < STACK_CHUNKS; i++)
        memory->chunks[i].size = 0;
    memory->next = 0;
}

static bool unwinder_memory_take(const struct stack_chunk *chunk, uint64_t address, uint64_t *ret) {
    uint64_t offset = address - chunk->address;
    if (chunk->size < sizeof *ret || offset > chunk->size - sizeof *ret)
        return false;
    memcpy(ret, chunk->bytes + offset, sizeof *ret);
    return true;
}

static bool unwinder_memory_load(struct stack_memory *memory, struct stack_chunk *chunk,
                                 uint64_t address, uint32_t size) {
    *chunk = (struct stack_chunk){.address = address};
    if (host_read_data(memory->host, address, chunk->bytes, size, NULL) != TMPALLOC_OK)
        return false;
    chunk->size = size;
    return true;
}

bool stack_memory_read(struct stack_memory *memory, uint64_t address, uint64_t *ret) {
    for (uint32_t i = 0; i < STACK_CHUNKS; i++) {
        if (unwinder_memory_take(&memory->chunks[i], address, ret))
            return true;
    }
    struct stack_chunk *chunk = &memory->chunks[memory->next++ % STACK_CHUNKS];
    /* The stack may end with this page. */
    uint32_t page_rest = (uint32_t)(PAGE_BYTES - address % PAGE_BYTES);
    if (unwinder_memory_load(memory, chunk, address, STACK_CHUNK_BYTES) ||
        (page_rest < STACK_CHUNK_BYTES && unwinder_memory_load(memory, chunk, address, page_rest)))
        return unwinder_memory_take(chunk, address, ret);
    return false;
}
