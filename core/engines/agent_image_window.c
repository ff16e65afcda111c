#include <linux/futex.h>

#include "engines/agent_image_reader.h"
#include "support/memory.h"

static int agent_image_window_read_memory(struct image_reader *reader, uint64_t address,
                                          void *buffer, size_t size) {
    return image_memory_read(&reader->memory, address, buffer, size, reader->error);
}

/* Whether the window counts: tracking goes on, and the thread that saw its start lives. */
static int is_valid(struct image_reader *reader, const struct agent_thread *thread, bool *ret) {
    uint32_t word = 0;
    const struct agent_image *image = &reader->image;
    *ret = false;
    if (!(image->generation & AGENT_TRACKS) || thread->generation != image->generation)
        return TMPALLOC_OK;
    int status = agent_image_window_read_memory(reader, thread->life, &word, sizeof word);
    *ret = word != 0 && !(word & FUTEX_OWNER_DIED);
    return status;
}

/* A block whose free was not seen may have left its entry beneath that of a later one. */
static bool is_cell_repeated(const struct image_reader *reader, size_t first, uint64_t address) {
    for (size_t i = first; i < reader->builder.snapshot.block_count; i++) {
        if (reader->builder.blocks[i].address == address)
            return true;
    }
    return false;
}

static int agent_image_window_add_block(struct image_reader *reader,
                                        const struct agent_window_entry *entry, uint64_t age,
                                        int64_t tid) {
    struct snapshot_block block = {
        .address = entry->address, .size_bytes = entry->size_bytes, .age = age, .tid = tid};
    int status = image_reader_site_stack(reader, entry->site, &block.stack);
    if (status == TMPALLOC_OK && snapshot_builder_add_block(&reader->builder, &block))
        status = error_no_memory(reader->error);
    return status;
}

static int add_blocks(struct image_reader *reader, const struct agent_thread *thread,
                      uint64_t allocations, const struct agent_window_entry *ring) {
    const struct agent_image *image = &reader->image;
    size_t first = reader->builder.snapshot.block_count;
    int status = TMPALLOC_OK;
    for (uint64_t age = 0;
         age <= image->max_threshold && age < allocations && status == TMPALLOC_OK; age++) {
        const struct agent_window_entry *entry =
            &ring[(allocations - age) & (image->window_entries - 1)];
        if (entry->address != 0 && !is_cell_repeated(reader, first, entry->address))
            status = agent_image_window_add_block(reader, entry, age, thread->tid);
    }
    return status;
}

int image_reader_window(struct image_reader *reader, const struct agent_thread *thread) {
    const struct agent_image *image = &reader->image;
    bool valid;
    uint64_t allocations;
    int status = is_valid(reader, thread, &valid);
    if (status != TMPALLOC_OK || !valid)
        return status;
    status = agent_image_window_read_memory(reader, thread->window + image->window_allocations_off,
                                            &allocations, sizeof allocations);
    size_t bytes = image->window_entries * sizeof(struct agent_window_entry);
    struct agent_window_entry *ring = memory_allocate(bytes);
    if (!ring)
        return error_no_memory(reader->error);
    if (status == TMPALLOC_OK)
        status = image_reader_element(reader, thread->window + image->window_ring_off, ring, bytes);
    if (status == TMPALLOC_OK)
        status = add_blocks(reader, thread, allocations, ring);
    memory_release(ring);
    return status;
}
