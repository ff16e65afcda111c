#include "engines/agent_image_memory.h"

#include <inttypes.h>
#include <string.h>

#include "support/memory.h"

#define ALIGNMENT 8

int image_memory_init(struct image_memory *memory, const struct agent_image_source *source,
                      struct error *error) {
    *memory = (struct image_memory){.source = source, .budget_bytes = IMAGE_BUDGET_BYTES};
    memory->blocks = memory_allocate_zeroed(IMAGE_BLOCKS, sizeof *memory->blocks);
    return memory->blocks ? TMPALLOC_OK : error_no_memory(error);
}

void image_memory_deinit(struct image_memory *memory) {
    memory_release(memory->blocks);
}

static int agent_image_memory_read_source(const struct image_memory *memory, uint64_t address,
                                          void *buffer, size_t size) {
    return memory->source->read(memory->source->arg, address, buffer, size);
}

/* NULL: not all of the block can be read. */
static const struct image_block *get_block(struct image_memory *memory, uint64_t address) {
    struct image_block *block = &memory->blocks[address / IMAGE_BLOCK_BYTES % IMAGE_BLOCKS];
    if (block->state == IMAGE_BLOCK_EMPTY || block->address != address) {
        int status =
            agent_image_memory_read_source(memory, address, block->bytes, IMAGE_BLOCK_BYTES);
        block->address = address;
        block->state = status == TMPALLOC_OK ? IMAGE_BLOCK_READ : IMAGE_BLOCK_REFUSED;
    }
    return block->state == IMAGE_BLOCK_READ ? block : NULL;
}

static int agent_image_memory_read_piece(struct image_memory *memory, uint64_t address,
                                         void *buffer, size_t size) {
    const struct image_block *block = get_block(memory, address - address % IMAGE_BLOCK_BYTES);
    if (!block)
        return agent_image_memory_read_source(memory, address, buffer, size);
    memcpy(buffer, block->bytes + address % IMAGE_BLOCK_BYTES, size);
    return TMPALLOC_OK;
}

static int read_pieces(struct image_memory *memory, uint64_t address, unsigned char *buffer,
                       size_t size) {
    while (size > 0) {
        size_t piece = IMAGE_BLOCK_BYTES - address % IMAGE_BLOCK_BYTES;
        if (piece > size)
            piece = size;
        int status = agent_image_memory_read_piece(memory, address, buffer, piece);
        if (status != TMPALLOC_OK)
            return status;
        address += piece;
        buffer += piece;
        size -= piece;
    }
    return TMPALLOC_OK;
}

int image_memory_read(struct image_memory *memory, uint64_t address, void *buffer, size_t size,
                      struct error *error) {
    if (address % ALIGNMENT != 0 || address > UINT64_MAX - size)
        return error_set(error, TMPALLOC_E_HOST,
                         "the agent's results are damaged: address 0x%" PRIx64, address);
    if (size > memory->budget_bytes)
        return error_set(error, TMPALLOC_E_HOST, "the agent's results are damaged: too large");
    memory->budget_bytes -= size;
    if (read_pieces(memory, address, buffer, size) != TMPALLOC_OK)
        return error_set(error, TMPALLOC_E_HOST,
                         "the agent's results can't be read: %zu bytes at 0x%" PRIx64, size,
                         address);
    return TMPALLOC_OK;
}
