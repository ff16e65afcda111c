#include "engines/agent_image_reader.h"

#include <inttypes.h>
#include <string.h>

#include "support/memory.h"
#include "support/progress.h"
#include "tables/detector.h"

/* A stack's address and an entry point are one key of a map; higher addresses are no program's. */
#define ENTRY_BITS    7
#define ADDRESS_LIMIT (UINT64_C(1) << (64 - ENTRY_BITS))

_Static_assert(AGENT_ENTRY_POINTS_LIMIT <= 1 << ENTRY_BITS, "each entry point has a key");

int image_reader_damaged(struct image_reader *reader, const char *what, uint64_t number) {
    return error_set(reader->error, TMPALLOC_E_HOST,
                     "the agent's results are damaged: %s 0x%" PRIx64, what, number);
}

int image_reader_element(struct image_reader *reader, uint64_t address, void *buffer, size_t size) {
    uint64_t unused;
    if (map_get(&reader->seen, address, &unused))
        return image_reader_damaged(reader, "two links to", address);
    int status = map_put(&reader->seen, address, 0);
    if (status != TMPALLOC_OK)
        return error_of_status(reader->error, status);
    return image_memory_read(&reader->memory, address, buffer, size, reader->error);
}

/* The image itself. */

static int agent_image_reader_check_anchor(struct image_reader *reader,
                                           const struct agent_image_anchor *anchor) {
    static const char empty[AGENT_IMAGE_MAGIC_BYTES];
    if (memcmp(anchor->magic, empty, sizeof empty) == 0)
        return error_set(reader->error, TMPALLOC_E_STATE,
                         "the process is a child that was not made by fork(), so the agent "
                         "counted nothing in it (--engine breakpoint can)");
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
    if (image->entry_point_count > AGENT_FIRST_OTHER)
        return image_reader_damaged(reader, "number of entry points", image->entry_point_count);
    return TMPALLOC_OK;
}

static int read_image(struct image_reader *reader, uint64_t address) {
    struct agent_image_anchor anchor;
    int status = image_memory_read(&reader->memory, address, &anchor, sizeof anchor, reader->error);
    if (status == TMPALLOC_OK)
        status = agent_image_reader_check_anchor(reader, &anchor);
    if (status == TMPALLOC_OK)
        status = image_memory_read(&reader->memory, anchor.image, &reader->image,
                                   sizeof reader->image, reader->error);
    if (status == TMPALLOC_OK)
        status = agent_image_reader_check_anchor(reader, &reader->image.anchor);
    if (reader->memory.source->held)
        reader->image.generation |= AGENT_TRACKS;
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

static int agent_image_reader_read_name(struct image_reader *reader, uint64_t address,
                                        uint32_t size, char *ret) {
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
        status = agent_image_reader_read_name(reader, frame.function, frame.function_bytes,
                                              reader->function);
    if (status == TMPALLOC_OK)
        status = agent_image_reader_read_name(reader, frame.file, frame.file_bytes, reader->file);
    if (status != TMPALLOC_OK)
        return status;
    if (source->python_frame(source->arg, reader->function, reader->file, frame.line, ret))
        return error_no_memory(reader->error);
    return TMPALLOC_OK;
}

/* Of each distinct one the names are read once. */
static int agent_image_reader_find_python_frame(struct image_reader *reader, uint64_t address,
                                                struct frame *ret) {
    uint64_t known;
    *ret = (struct frame){.module = FRAME_PYTHON};
    if (map_get(&reader->python, address, &known)) {
        ret->offset = known;
        return TMPALLOC_OK;
    }
    int status = make_python_frame(reader, address, ret);
    if (status != TMPALLOC_OK)
        return status;
    return error_of_status(reader->error, map_put(&reader->python, address, ret->offset));
}

static int agent_image_reader_make_frame(struct image_reader *reader, uint64_t pc,
                                         struct frame *ret) {
    const struct agent_image_source *source = reader->memory.source;
    if (pc & AGENT_PC_PYTHON)
        return agent_image_reader_find_python_frame(reader, pc & ~AGENT_PC_PYTHON, ret);
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
        status = agent_image_reader_make_frame(reader, reader->pcs[i], &reader->frames[count++]);
    *count_ret = count;
    return status;
}

static int agent_image_reader_intern_frames(struct image_reader *reader,
                                            const struct agent_stack *header, uint32_t entry_point,
                                            uint32_t *ret) {
    uint64_t entry_address = reader->image.entry_points[entry_point];
    uint32_t count;
    int status = make_frames(reader, header->count, entry_address, &count);
    if (status != TMPALLOC_OK)
        return status;
    const struct stack stack = {
        .frames = reader->frames,
        .count = count,
        .truncated = header->truncated != 0 || count < header->count + (entry_address != 0),
    };
    if (stacks_intern(reader->stacks, &stack, ret) != TMPALLOC_OK)
        return error_no_memory(reader->error);
    return TMPALLOC_OK;
}

/* Of what reader->pcs says, too.  The agent tells files at the same addresses apart. */
static uint64_t agent_image_reader_hash_stack(const struct image_reader *reader,
                                              const struct agent_stack *header,
                                              uint32_t entry_point) {
    uint64_t hash = map_hash((uint64_t)header->generation << 32 | header->modules);
    hash = map_hash(hash + (header->truncated << 6 | entry_point));
    for (uint32_t i = 0; i < header->count; i++)
        hash = map_hash(hash + reader->pcs[i]);
    return hash;
}

static int agent_image_reader_find_stack(struct image_reader *reader,
                                         const struct agent_stack *header, uint32_t entry_point,
                                         uint32_t *ret) {
    const struct agent_image_source *source = reader->memory.source;
    if (!source->past || (source->past->count == 0 && !source->notes_past))
        return agent_image_reader_intern_frames(reader, header, entry_point, ret);
    uint64_t hash = agent_image_reader_hash_stack(reader, header, entry_point), known;
    if (map_get(source->past, hash, &known)) {
        *ret = (uint32_t)known;
        return TMPALLOC_OK;
    }
    int status = agent_image_reader_intern_frames(reader, header, entry_point, ret);
    if (status != TMPALLOC_OK || !source->notes_past)
        return status;
    return error_of_status(reader->error, map_put(source->past, hash, *ret));
}

static int agent_image_reader_read_stack(struct image_reader *reader, uint64_t address,
                                         uint32_t entry_point, uint32_t *ret) {
    struct agent_stack header;
    int status = read_pcs(reader, address, &header);
    if (status != TMPALLOC_OK)
        return status;
    reader->lone_stacks |= header.truncated && header.count == 1;
    return agent_image_reader_find_stack(reader, &header, entry_point, ret);
}

int image_reader_stack(struct image_reader *reader, uint64_t address, uint32_t entry_point,
                       uint32_t *ret) {
    if (entry_point >= reader->image.entry_point_count)
        return image_reader_damaged(reader, "entry point", entry_point);
    if (address >= ADDRESS_LIMIT)
        return image_reader_damaged(reader, "stack address", address);
    uint64_t key = address << ENTRY_BITS | entry_point, known;
    if (map_get(&reader->numbers, key, &known)) {
        *ret = (uint32_t)known;
        return TMPALLOC_OK;
    }
    int status = agent_image_reader_read_stack(reader, address, entry_point, ret);
    if (status != TMPALLOC_OK)
        return status;
    return error_of_status(reader->error, map_put(&reader->numbers, key, *ret));
}

int image_reader_site_stack(struct image_reader *reader, uint64_t address, uint32_t *ret) {
    struct agent_site site;
    int status = image_memory_read(&reader->memory, address, &site, sizeof site, reader->error);
    return status == TMPALLOC_OK ? image_reader_stack(reader, site.stack, site.entry_point, ret)
                                 : status;
}

void image_reader_close(struct image_reader *reader) {
    image_memory_deinit(&reader->memory);
    snapshot_builder_deinit(&reader->builder);
    memory_release(reader->threads);
    memory_release(reader->sites);
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
