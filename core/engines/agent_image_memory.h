/* The debuggee's memory, read in blocks, as far as one image may refer to it. */
#ifndef TMPALLOC_AGENT_IMAGE_MEMORY_H
#define TMPALLOC_AGENT_IMAGE_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "support/error.h"
#include "support/map.h"
#include "tables/stacks.h"

struct agent_image_source {
    /* Reads exactly `size` bytes of the debuggee's memory; returns TMPALLOC_OK or another status.
     */
    int (*read)(void *arg, uint64_t address, void *buffer, uint64_t size);
    /* A run-time address as a frame. */
    struct frame (*frame)(void *arg, uint64_t address, bool exact);
    /* A line of a Python function as a frame; TMPALLOC_OK or TMPALLOC_E_NOMEM. */
    int (*python_frame)(void *arg, const char *function, const char *file, uint32_t line,
                        struct frame *ret);
    void *arg;
    /* What call stacks were before other code was loaded where theirs had been: a hash of what the
     * image says of one -> its number.  NULL: nothing is known. */
    struct map *past;
    bool notes_past; /* whatever is read is added */
    bool held;       /* counting has been interrupted, for no longer than it is read */
};

#define IMAGE_BLOCK_BYTES 16384
#define IMAGE_BLOCKS      64

/* Bytes that an image may refer to: sixteen times the agent's default limit. */
#define IMAGE_BUDGET_BYTES (UINT64_C(1) << 30)

struct image_block {
    uint64_t address;
    enum { IMAGE_BLOCK_EMPTY, IMAGE_BLOCK_READ, IMAGE_BLOCK_REFUSED } state;
    unsigned char bytes[IMAGE_BLOCK_BYTES];
};

struct image_memory {
    const struct agent_image_source *source;
    uint64_t budget_bytes;
    struct image_block *blocks; /* a block's place is given by its address */
};

int image_memory_init(struct image_memory *memory, const struct agent_image_source *source,
                      struct error *error);
void image_memory_deinit(struct image_memory *memory);

/* Reads an object, which must be aligned to 8 bytes. */
int image_memory_read(struct image_memory *memory, uint64_t address, void *buffer, size_t size,
                      struct error *error);

#endif
