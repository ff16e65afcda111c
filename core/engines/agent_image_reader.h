/* One reading of the agent's image, for the files that do it. */
#ifndef TMPALLOC_AGENT_IMAGE_READER_H
#define TMPALLOC_AGENT_IMAGE_READER_H

#include "engines/agent_image_memory.h"
#include "support/arena.h"
#include "support/map.h"
#include "tables/snapshot.h"
#include "tmpalloc/agent_image.h"

struct image_reader {
    struct image_memory memory;
    struct stacks *stacks;
    struct error *error;
    struct agent_image image;
    struct agent_thread *threads; /* as they are linked */
    size_t thread_count;
    size_t thread_capacity;
    struct agent_site *sites; /* of the thread at hand, as they are linked */
    size_t site_count;
    size_t site_capacity;
    bool lone_stacks;                  /* some are of the allocator's caller alone */
    size_t distance_bytes;             /* of a by_distance */
    struct agent_free *free;           /* work areas */
    struct site_distance *by_distance; /* sums of the site at hand */
    struct chain_counters chains;      /* of the same */
    struct arena scopes;
    uint64_t pcs[AGENT_STACK_LIMIT];
    struct frame frames[AGENT_STACK_LIMIT + 1];
    struct map seen;   /* addresses of elements of lists */
    struct map python; /* address of a Python frame -> offset of its frame */
    char function[AGENT_NAME_LIMIT + 1];
    char file[AGENT_NAME_LIMIT + 1];
    struct map numbers; /* stack and entry point -> number in `stacks` */
    struct snapshot_builder builder;
};

/* Begins a reading with the image's fixed part; see agent_image_read(). */
int image_reader_open(const struct agent_image_source *source, uint64_t address,
                      struct stacks *stacks, struct error *error, struct image_reader **ret);
void image_reader_close(struct image_reader *reader);

/* Sets and returns the error about a number that can't be. */
int image_reader_damaged(struct image_reader *reader, const char *what, uint64_t number);

/* Reads an element, which is visited once: so no list is endless, and none leads into another. */
int image_reader_element(struct image_reader *reader, uint64_t address, void *buffer, size_t size);

/* The number of a struct agent_stack through an entry point; of the call stack of a struct
 * agent_site. */
int image_reader_stack(struct image_reader *reader, uint64_t address, uint32_t entry_point,
                       uint32_t *ret);
int image_reader_site_stack(struct image_reader *reader, uint64_t address, uint32_t *ret);

/* Adds the blocks in a thread's window to reader->builder. */
int image_reader_window(struct image_reader *reader, const struct agent_thread *thread);

#endif
