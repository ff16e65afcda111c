#include "engines/agent_image.h"

#include <inttypes.h>
#include <string.h>

#include "engines/agent_image_reader.h"
#include "support/memory.h"
#include "support/progress.h"
#include "tables/detector.h"

/* Higher addresses are not a program's; a stack's address and an entry point fit one map key. */
#define ADDRESS_LIMIT (UINT64_C(1) << 57)

_Static_assert(AGENT_ENTRY_POINTS_LIMIT <= 64, "an index has six bits");

int image_reader_damaged(struct image_reader *reader, const char *what, uint64_t number) {
    return error_set(reader->error, TMPALLOC_E_HOST,
                     "the agent's results are damaged: %s 0x%" PRIx64, what, number);
}

int image_reader_element(struct image_reader *reader, uint64_t address, void *buffer, size_t size) {
    uint64_t unused;
    if (map_get(&reader->seen, address, &unused))
        return image_reader_damaged(reader, "two links to", address);
    if (map_put(&reader->seen, address, 0))
        return error_no_memory(reader->error);
    return image_memory_read(&reader->memory, address, buffer, size, reader->error);
}

/* The image itself. */

static int check_anchor(struct image_reader *reader, const struct agent_image_anchor *anchor) {
    if (memcmp(anchor->magic, AGENT_IMAGE_MAGIC, sizeof anchor->magic) != 0)
        return error_set(reader->error, TMPALLOC_E_HOST, "there is no agent at this address");
    if (anchor->version != AGENT_IMAGE_VERSION)
        return error_set(reader->error, TMPALLOC_E_UNSUPPORTED,
                         "the agent has version %" PRIu32 ", this tmpalloc reads version %d",
                         anchor->version, AGENT_IMAGE_VERSION);
    if (anchor->image_bytes != sizeof(struct agent_image))
        return image_reader_damaged(reader, "image size", anchor->image_bytes);
    if (anchor->image == 0)
        return error_set(reader->error, TMPALLOC_E_STATE, "the agent is not set up yet");
    return TMPALLOC_OK;
}

static int check_image(struct image_reader *reader) {
    const struct agent_image *image = &reader->image;
    if (image->thread_bytes != sizeof(struct agent_thread))
        return image_reader_damaged(reader, "thread size", image->thread_bytes);
    if (image->site_bytes != sizeof(struct agent_site))
        return image_reader_damaged(reader, "site size", image->site_bytes);
    if (image->stack_bytes != sizeof(struct agent_stack))
        return image_reader_damaged(reader, "stack size", image->stack_bytes);
    if (image->free_bytes != sizeof(struct agent_free))
        return image_reader_damaged(reader, "free size", image->free_bytes);
    if (image->window_entry_bytes != sizeof(struct agent_window_entry))
        return image_reader_damaged(reader, "window entry size", image->window_entry_bytes);
    if (image->max_threshold > DETECTOR_THRESHOLD_LIMIT)
        return image_reader_damaged(reader, "threshold", image->max_threshold);
    uint32_t entries = image->window_entries;
    if (entries <= image->max_threshold || entries > DETECTOR_THRESHOLD_LIMIT + 1 ||
        (entries & (entries - 1)) != 0)
        return image_reader_damaged(reader, "number of window entries", entries);
    if (image->entry_point_count > AGENT_ENTRY_POINTS_LIMIT)
        return image_reader_damaged(reader, "number of entry points", image->entry_point_count);
    return TMPALLOC_OK;
}

static int read_image(struct image_reader *reader, uint64_t address) {
    struct agent_image_anchor anchor;
    int status = image_memory_read(&reader->memory, address, &anchor, sizeof anchor, reader->error);
    if (status == TMPALLOC_OK)
        status = check_anchor(reader, &anchor);
    if (status == TMPALLOC_OK)
        status = image_memory_read(&reader->memory, anchor.image, &reader->image,
                                   sizeof reader->image, reader->error);
    if (status == TMPALLOC_OK)
        status = check_anchor(reader, &reader->image.anchor);
    return status == TMPALLOC_OK ? check_image(reader) : status;
}

/* Stacks. */

static int read_pcs(struct image_reader *reader, uint64_t address, struct agent_stack *ret) {
    int status = image_memory_read(&reader->memory, address, ret, sizeof *ret, reader->error);
    if (status != TMPALLOC_OK)
        return status;
    if (ret->count > AGENT_STACK_LIMIT)
        return image_reader_damaged(reader, "stack depth", ret->count);
    return image_memory_read(&reader->memory, address + sizeof *ret, reader->pcs,
                             ret->count * sizeof reader->pcs[0], reader->error);
}

static int read_name(struct image_reader *reader, uint64_t address, uint32_t size, char *ret) {
    if (size > AGENT_NAME_LIMIT)
        return image_reader_damaged(reader, "length of a name", size);
    ret[size] = '\0';
    return image_memory_read(&reader->memory, address, ret, size, reader->error);
}

static int make_python_frame(struct image_reader *reader, uint64_t address, struct frame *ret) {
    const struct agent_image_source *source = reader->memory.source;
    struct agent_python_frame frame;
    int status = image_memory_read(&reader->memory, address, &frame, sizeof frame, reader->error);
    if (status == TMPALLOC_OK)
        status = read_name(reader, frame.function, frame.function_bytes, reader->function);
    if (status == TMPALLOC_OK)
        status = read_name(reader, frame.file, frame.file_bytes, reader->file);
    if (status != TMPALLOC_OK)
        return status;
    if (source->python_frame(source->arg, reader->function, reader->file, frame.line, ret))
        return error_no_memory(reader->error);
    return TMPALLOC_OK;
}

/* Of each distinct one the names are read once. */
static int find_python_frame(struct image_reader *reader, uint64_t address, struct frame *ret) {
    uint64_t known;
    *ret = (struct frame){.module = FRAME_PYTHON};
    if (map_get(&reader->python, address, &known)) {
        ret->offset = known;
        return TMPALLOC_OK;
    }
    int status = make_python_frame(reader, address, ret);
    if (status == TMPALLOC_OK && map_put(&reader->python, address, ret->offset))
        status = error_no_memory(reader->error);
    return status;
}

static int make_frame(struct image_reader *reader, uint64_t pc, struct frame *ret) {
    const struct agent_image_source *source = reader->memory.source;
    if (pc & AGENT_PC_PYTHON)
        return find_python_frame(reader, pc & ~AGENT_PC_PYTHON, ret);
    *ret = source->frame(source->arg, pc & ~AGENT_PC_EXACT, pc & AGENT_PC_EXACT);
    return TMPALLOC_OK;
}

/* The entry point, if known, and then what reader->pcs says.  It is a frame of its own, so there
 * may be one more than was asked for. */
static int make_frames(struct image_reader *reader, uint32_t pc_count, uint64_t entry_address,
                       uint32_t *count_ret) {
    const struct agent_image_source *source = reader->memory.source;
    uint32_t count = 0;
    int status = TMPALLOC_OK;
    if (entry_address != 0)
        reader->frames[count++] = source->frame(source->arg, entry_address, true);
    for (uint32_t i = 0; i < pc_count && count < reader->image.stack_depth && status == TMPALLOC_OK;
         i++)
        status = make_frame(reader, reader->pcs[i], &reader->frames[count++]);
    *count_ret = count;
    return status;
}

static int intern(struct image_reader *reader, uint64_t address, uint32_t entry_point,
                  uint32_t *ret) {
    struct agent_stack header;
    uint64_t entry_address = reader->image.entry_points[entry_point];
    uint32_t count;
    int status = read_pcs(reader, address, &header);
    if (status == TMPALLOC_OK)
        status = make_frames(reader, header.count, entry_address, &count);
    if (status != TMPALLOC_OK)
        return status;
    const struct stack stack = {
        .frames = reader->frames,
        .count = count,
        .truncated = header.truncated != 0 || count < header.count + (entry_address != 0),
    };
    reader->lone_stacks |= header.truncated && header.count == 1;
    if (stacks_intern(reader->stacks, &stack, ret) != TMPALLOC_OK)
        return error_no_memory(reader->error);
    return TMPALLOC_OK;
}

int image_reader_stack(struct image_reader *reader, uint64_t address, uint32_t entry_point,
                       uint32_t *ret) {
    if (entry_point >= reader->image.entry_point_count)
        return image_reader_damaged(reader, "entry point", entry_point);
    if (address >= ADDRESS_LIMIT)
        return image_reader_damaged(reader, "stack address", address);
    uint64_t key = address << 6 | entry_point, known;
    if (map_get(&reader->numbers, key, &known)) {
        *ret = (uint32_t)known;
        return TMPALLOC_OK;
    }
    int status = intern(reader, address, entry_point, ret);
    if (status == TMPALLOC_OK && map_put(&reader->numbers, key, *ret))
        status = error_no_memory(reader->error);
    return status;
}

int image_reader_site_stack(struct image_reader *reader, uint64_t address, uint32_t *ret) {
    struct agent_site site;
    int status = image_memory_read(&reader->memory, address, &site, sizeof site, reader->error);
    return status == TMPALLOC_OK ? image_reader_stack(reader, site.stack, site.entry_point, ret)
                                 : status;
}

/* Sites. */

_Static_assert(sizeof(struct agent_distance) == sizeof(struct site_distance),
               "a distance is the same in both");

static bool same_frame(const struct frame *one, const struct frame *other) {
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
           same_frame(&one->frames[one->count - 1 - shared],
                      &other->frames[other->count - 1 - shared]))
        shared++;
    return shared + (shared < one->count && shared < other->count);
}

static int add_scope(struct image_reader *reader, struct snapshot_site *part, uint32_t distance,
                     uint32_t shared_frames) {
    struct site_scope *scope = arena_allocate(&reader->scopes, 1, sizeof *scope);
    if (!scope)
        return error_no_memory(reader->error);
    *scope = (struct site_scope){.next = part->scopes,
                                 .distance = distance,
                                 .shared_frames = shared_frames,
                                 .count = reader->free->by_distance[distance].count,
                                 .bytes = reader->free->by_distance[distance].bytes};
    part->scopes = scope;
    return TMPALLOC_OK;
}

/* Adds the way to free that is in reader->free. */
static int add_free(struct image_reader *reader, struct snapshot_site *part) {
    const struct agent_free *free = reader->free;
    uint32_t stack, shared_frames = 0;
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
            status = add_scope(reader, part, d, shared_frames);
    }
    return status;
}

/* After a reset some have no temporaries. */
static bool counts(const struct image_reader *reader) {
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
        if (status == TMPALLOC_OK && counts(reader))
            status = add_free(reader, part);
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

static int add_site(struct image_reader *reader, const struct agent_site *site) {
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
    if (status == TMPALLOC_OK && snapshot_builder_add(&reader->builder, &part, &sum) != TMPALLOC_OK)
        status = error_no_memory(reader->error);
    return status == TMPALLOC_OK ? read_tids(reader, sum, site->threads) : status;
}

static int read_sites(struct image_reader *reader, uint64_t address) {
    while (address != 0) {
        struct agent_site site;
        int status = progress_step("reading", reader->builder.snapshot.site_count, 0, "call sites");
        if (status == TMPALLOC_OK)
            status = image_reader_element(reader, address, &site, sizeof site);
        if (status == TMPALLOC_OK && site.allocations > 0)
            status = add_site(reader, &site);
        if (status != TMPALLOC_OK)
            return status;
        address = site.next;
    }
    return TMPALLOC_OK;
}

/* Threads. */

static int merge_thread(struct image_reader *reader, const struct agent_thread *thread) {
    struct snapshot_totals *totals = &reader->builder.snapshot.totals;
    totals->allocations += thread->allocations;
    totals->allocated_bytes += thread->allocated_bytes;
    totals->deallocations += thread->deallocations;
    totals->cross_thread_frees += thread->cross_thread_frees;
    totals->dropped += thread->dropped;
    int status = read_sites(reader, thread->first_site);
    return status == TMPALLOC_OK ? image_reader_window(reader, thread) : status;
}

static int read_threads(struct image_reader *reader) {
    uint64_t address = reader->image.first_thread;
    while (address != 0) {
        struct agent_thread thread;
        int status = image_reader_element(reader, address, &thread, sizeof thread);
        if (status == TMPALLOC_OK && thread.reset_generation == reader->image.reset_generation)
            status = merge_thread(reader, &thread);
        if (status != TMPALLOC_OK)
            return status;
        address = thread.next;
    }
    return TMPALLOC_OK;
}

static int read_all(struct image_reader *reader) {
    const struct snapshot_totals totals = {.dropped = reader->image.dropped};
    snapshot_builder_init(&reader->builder, reader->image.max_threshold, &totals);
    size_t distances = (size_t)reader->image.max_threshold + 1;
    reader->distance_bytes = distances * sizeof(struct agent_distance);
    reader->free = memory_allocate(sizeof *reader->free + reader->distance_bytes);
    reader->by_distance = memory_allocate(reader->distance_bytes);
    return reader->free && reader->by_distance ? read_threads(reader)
                                               : error_no_memory(reader->error);
}

void image_reader_close(struct image_reader *reader) {
    image_memory_deinit(&reader->memory);
    snapshot_builder_deinit(&reader->builder);
    memory_release(reader->free);
    memory_release(reader->by_distance);
    arena_deinit(&reader->scopes);
    map_deinit(&reader->seen);
    map_deinit(&reader->numbers);
    map_deinit(&reader->python);
    memory_release(reader);
}

int image_reader_open(const struct agent_image_source *source, uint64_t address,
                      struct stacks *stacks, struct error *error, struct image_reader **ret) {
    struct image_reader *reader = memory_allocate_zeroed(1, sizeof *reader);
    if (!reader)
        return error_no_memory(error);
    reader->stacks = stacks;
    reader->error = error;
    int status = image_memory_init(&reader->memory, source, error);
    if (status == TMPALLOC_OK)
        status = read_image(reader, address);
    if (status == TMPALLOC_OK)
        *ret = reader;
    else
        image_reader_close(reader);
    return status;
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

int agent_image_read(const struct agent_image_source *source, uint64_t address,
                     struct stacks *stacks, struct agent_image_facts *facts_ret,
                     struct snapshot *ret, struct error *error) {
    struct image_reader *reader = NULL;
    int status = image_reader_open(source, address, stacks, error, &reader);
    if (status != TMPALLOC_OK)
        return status;
    status = read_all(reader);
    if (status == TMPALLOC_OK && snapshot_builder_finish(&reader->builder, ret) != TMPALLOC_OK)
        status = error_no_memory(error);
    if (status == TMPALLOC_OK) {
        *facts_ret = (struct agent_image_facts){
            .pid = reader->image.pid,
            .tracking = reader->image.generation & 1,
            .sandbox = describe_sandbox(&reader->image),
            .refused = reader->image.hooking[AGENT_ENTRY_malloc] == AGENT_HOOK_REFUSED ||
                       reader->image.hooking[AGENT_ENTRY_free] == AGENT_HOOK_REFUSED,
            .limited = reader->lone_stacks && is_used_up(&reader->image),
            .memory_bytes = reader->image.memory_bytes,
            .memory_limit_bytes = reader->image.memory_limit_bytes,
        };
    }
    image_reader_close(reader);
    return status;
}
