#include "engines/agent_image.h"

#include <inttypes.h>
#include <string.h>

#include "engines/agent_image_reader.h"
#include "support/memory.h"
#include "support/progress.h"
#include "tables/detector.h"

/* Sites. */

_Static_assert(sizeof(struct agent_distance) == sizeof(struct site_distance),
               "a distance is the same in both");

static bool is_same_scope_frame(const struct frame *one, const struct frame *other) {
    return one->offset == other->offset && one->module == other->module;
}

/* How many outermost activations are the same at a free as at the allocation, as far as their
 * return addresses tell: frames that are called from equal places. */
static uint32_t count_shared_frames(const struct image_reader *reader, uint32_t allocating,
                                    uint32_t freeing) {
    const struct stack *one = stacks_get(reader->stacks, allocating);
    const struct stack *other = stacks_get(reader->stacks, freeing);
    uint32_t shared = 0;
    if (one->truncated || other->truncated)
        return 0;
    while (shared < one->count && shared < other->count &&
           is_same_scope_frame(&one->frames[one->count - 1 - shared],
                               &other->frames[other->count - 1 - shared]))
        shared++;
    return shared + (shared < one->count && shared < other->count);
}

static int agent_image_add_scope(struct image_reader *reader, struct snapshot_site *part,
                                 uint32_t distance, uint32_t shared_frames, uint32_t free_stack) {
    struct site_scope *scope = arena_allocate(&reader->scopes, 1, sizeof *scope);
    if (!scope)
        return error_no_memory(reader->error);
    *scope = (struct site_scope){.next = part->scopes,
                                 .distance = distance,
                                 .shared_frames = shared_frames,
                                 .free_stack = free_stack,
                                 .count = reader->free->by_distance[distance].count,
                                 .bytes = reader->free->by_distance[distance].bytes};
    part->scopes = scope;
    return TMPALLOC_OK;
}

/* Adds the way to free that is in reader->free. */
static int agent_image_add_free(struct image_reader *reader, struct snapshot_site *part) {
    const struct agent_free *free = reader->free;
    uint32_t stack = SITE_NO_STACK, shared_frames = 0;
    int status = TMPALLOC_OK;
    if (free->stack != 0) {
        status = image_reader_stack(reader, free->stack, free->entry_point, &stack);
        if (status != TMPALLOC_OK)
            return status;
        shared_frames = count_shared_frames(reader, part->stack, stack);
        site_merge_free_stack(part->free_stacks, stack);
    }
    for (uint32_t d = 0; d <= reader->image.max_threshold && status == TMPALLOC_OK; d++) {
        part->by_distance[d].count += free->by_distance[d].count;
        part->by_distance[d].bytes += free->by_distance[d].bytes;
        if (free->by_distance[d].count > 0)
            status = agent_image_add_scope(reader, part, d, shared_frames, stack);
    }
    return status;
}

/* After a reset some have no temporaries. */
static bool agent_image_counts(const struct image_reader *reader) {
    uint64_t count = 0;
    for (uint32_t d = 0; d <= reader->image.max_threshold; d++)
        count |= reader->free->by_distance[d].count;
    return count != 0;
}

static int read_frees(struct image_reader *reader, uint64_t address, struct snapshot_site *part) {
    memset(reader->by_distance, 0, reader->distance_bytes);
    part->by_distance = reader->by_distance;
    for (size_t i = 0; i < SITE_FREE_STACKS; i++)
        part->free_stacks[i] = SITE_NO_STACK;
    while (address != 0) {
        int status = image_reader_element(reader, address, reader->free,
                                          sizeof *reader->free + reader->distance_bytes);
        if (status == TMPALLOC_OK && agent_image_counts(reader))
            status = agent_image_add_free(reader, part);
        if (status != TMPALLOC_OK)
            return status;
        address = reader->free->next;
    }
    return TMPALLOC_OK;
}

static int read_tids(struct image_reader *reader, struct snapshot_site *sum, uint64_t address) {
    while (address != 0) {
        struct agent_site_thread element;
        int status = image_reader_element(reader, address, &element, sizeof element);
        if (status == TMPALLOC_OK &&
            snapshot_builder_add_thread(&reader->builder, sum, element.tid) != TMPALLOC_OK)
            status = error_no_memory(reader->error);
        if (status != TMPALLOC_OK)
            return status;
        address = element.next;
    }
    return TMPALLOC_OK;
}

_Static_assert(sizeof(struct agent_chains) == sizeof(struct chain_counters),
               "chains are the same in both");

static int agent_image_read_chains(struct image_reader *reader, uint64_t address,
                                   struct snapshot_site *part) {
    if (address == 0)
        return TMPALLOC_OK;
    part->chains = &reader->chains;
    return image_reader_element(reader, address, &reader->chains, sizeof reader->chains);
}

static int agent_image_add_site(struct image_reader *reader, const struct agent_site *site) {
    struct snapshot_site *sum;
    struct snapshot_site part = {
        .counters =
            {
                .allocations = site->allocations,
                .allocated_bytes = site->allocated_bytes,
                .min_size = site->min_size,
                .max_size = site->max_size,
                .larger = site->larger,
                .equal = site->equal,
                .by_realloc = site->by_realloc,
            },
    };
    int status = image_reader_stack(reader, site->stack, site->entry_point, &part.stack);
    if (status == TMPALLOC_OK)
        status = read_frees(reader, site->first_free, &part);
    if (status == TMPALLOC_OK)
        status = agent_image_read_chains(reader, site->chains, &part);
    if (status == TMPALLOC_OK && snapshot_builder_add(&reader->builder, &part, &sum) != TMPALLOC_OK)
        status = error_no_memory(reader->error);
    return status == TMPALLOC_OK ? read_tids(reader, sum, site->threads) : status;
}

static int agent_image_list_sites(struct image_reader *reader, uint64_t address) {
    reader->site_count = 0;
    while (address != 0) {
        if (MEMORY_RESERVE(reader->sites, &reader->site_capacity, reader->site_count + 1))
            return error_no_memory(reader->error);
        struct agent_site *site = &reader->sites[reader->site_count++];
        int status = progress_step("reading", reader->builder.snapshot.site_count, 0, "call sites");
        if (status == TMPALLOC_OK)
            status = image_reader_element(reader, address, site, sizeof *site);
        if (status != TMPALLOC_OK)
            return status;
        address = site->next;
    }
    return TMPALLOC_OK;
}

/* What is linked in the image has the youngest first, and sites are numbered from the oldest on. */
static int read_sites(struct image_reader *reader, uint64_t address) {
    int status = agent_image_list_sites(reader, address);
    for (size_t i = reader->site_count; i-- > 0 && status == TMPALLOC_OK;) {
        if (reader->sites[i].allocations > 0)
            status = agent_image_add_site(reader, &reader->sites[i]);
    }
    return status;
}

/* Threads. */

static int merge_thread(struct image_reader *reader, const struct agent_thread *thread) {
    struct snapshot_totals *totals = &reader->builder.snapshot.totals;
    totals->allocations += thread->allocations;
    totals->allocated_bytes += thread->allocated_bytes;
    totals->deallocations += thread->deallocations;
    totals->cross_thread_frees += thread->cross_thread_frees;
    totals->dropped += thread->dropped;
    totals->entries += thread->entries;
    int status = read_sites(reader, thread->first_site);
    return status == TMPALLOC_OK ? image_reader_window(reader, thread) : status;
}

static int list_threads(struct image_reader *reader) {
    uint64_t address = reader->image.first_thread;
    while (address != 0) {
        if (MEMORY_RESERVE(reader->threads, &reader->thread_capacity, reader->thread_count + 1))
            return error_no_memory(reader->error);
        struct agent_thread *thread = &reader->threads[reader->thread_count++];
        int status = image_reader_element(reader, address, thread, sizeof *thread);
        if (status != TMPALLOC_OK)
            return status;
        address = thread->next;
    }
    return TMPALLOC_OK;
}

static int agent_image_read_threads(struct image_reader *reader) {
    int status = list_threads(reader);
    for (size_t i = reader->thread_count; i-- > 0 && status == TMPALLOC_OK;) {
        if (reader->threads[i].reset_generation == reader->image.reset_generation)
            status = merge_thread(reader, &reader->threads[i]);
    }
    return status;
}

static int agent_image_read_all(struct image_reader *reader) {
    const struct snapshot_totals totals = {.dropped = reader->image.dropped,
                                           .children = reader->image.children};
    snapshot_builder_init(&reader->builder, reader->image.max_threshold, &totals);
    size_t distances = (size_t)reader->image.max_threshold + 1;
    reader->distance_bytes = distances * sizeof(struct agent_distance);
    reader->free = memory_allocate(sizeof *reader->free + reader->distance_bytes);
    reader->by_distance = memory_allocate(reader->distance_bytes);
    return reader->free && reader->by_distance ? agent_image_read_threads(reader)
                                               : error_no_memory(reader->error);
}

static const char *describe_sandbox(const struct agent_image *image) {
    switch (image->sandboxed) {
    case AGENT_NO_SANDBOX:
        return NULL;
    case AGENT_SANDBOX_POSSIBLE:
        return "possible by the program's own code: the agent makes no system calls";
    default:
        return "entered by the process: the agent makes no system calls";
    }
}

/* Memory is taken in larger pieces than this. */
static bool is_used_up(const struct agent_image *image) {
    return image->memory_bytes + (UINT64_C(1) << 20) > image->memory_limit_bytes;
}

bool agent_image_is_refused(const struct agent_image *image) {
    return image->hooking[AGENT_ENTRY_malloc] == AGENT_HOOK_REFUSED ||
           image->hooking[AGENT_ENTRY_free] == AGENT_HOOK_REFUSED;
}

int agent_image_read(const struct agent_image_source *source, uint64_t address,
                     struct stacks *stacks, struct agent_image_facts *facts_ret,
                     struct snapshot *ret, struct error *error) {
    struct image_reader *reader = NULL;
    int status = image_reader_open(source, address, stacks, error, &reader);
    if (status != TMPALLOC_OK)
        return status;
    status = agent_image_read_all(reader);
    if (status == TMPALLOC_OK && snapshot_builder_finish(&reader->builder, ret) != TMPALLOC_OK)
        status = error_no_memory(error);
    if (status == TMPALLOC_OK) {
        *facts_ret = (struct agent_image_facts){
            .pid = reader->image.pid,
            .tracking = reader->image.generation & AGENT_TRACKS,
            .sandbox = describe_sandbox(&reader->image),
            .refused = agent_image_is_refused(&reader->image),
            .limited = reader->lone_stacks && is_used_up(&reader->image),
            .memory_bytes = reader->image.memory_bytes,
            .memory_limit_bytes = reader->image.memory_limit_bytes,
        };
    }
    image_reader_close(reader);
    return status;
}
