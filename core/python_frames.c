#include "python_frames.h"

#include <string.h>

#define NONE PYTHON_NO_OFFSET

/* More interpreters and threads than that are no list, but garbage. */
#define LIST_LIMIT 100000

/* The struct is as long as the fields that are read of it. */
#define FRAME_BYTES 128

/* Low bits of a pointer to a code object may be a tag: _PyStackRef of 3.14. */
#define TAG_BITS UINT64_C(7)

struct walk {
    const struct python_process *process;
    const struct python_offsets *offsets;
    uint64_t frame;  /* the next one */
    uint64_t cframe; /* of the loop that runs it; 0: there is none */
    uint32_t frame_bytes;
    /* The chain may end in itself: some earlier frame, renewed at ever greater distances. */
    uint64_t earlier;
    size_t steps;
    size_t renewal;
    bool broken;
    unsigned char bytes[FRAME_BYTES]; /* of the frame */
};

static uint32_t reach(uint32_t so_far, uint32_t offset, uint32_t size_bytes) {
    return offset != NONE && offset + size_bytes > so_far ? offset + size_bytes : so_far;
}

static uint32_t bytes_of_frame(const struct python_offsets *offsets) {
    uint32_t bytes = reach(0, offsets->frame_previous, 8);
    bytes = reach(bytes, offsets->frame_code, 8);
    bytes =
        reach(bytes, offsets->frame_instruction, offsets->instruction == PYTHON_POINTER ? 8 : 4);
    bytes = reach(bytes, offsets->frame_is_entry, 1);
    return reach(bytes, offsets->frame_owner, 1);
}

static bool read_pointer(struct walk *walk, uint64_t address, uint32_t offset, uint64_t *ret) {
    if (python_read_word(walk->process, address + offset, ret))
        return true;
    walk->broken = true;
    return false;
}

static bool begin(struct walk *walk, const struct python_process *process,
                  const struct python_offsets *offsets, uint64_t thread) {
    *walk = (struct walk){.process = process,
                          .offsets = offsets,
                          .frame_bytes = bytes_of_frame(offsets),
                          .renewal = 1};
    walk->broken = walk->frame_bytes > FRAME_BYTES;
    if (walk->broken)
        return false;
    if (offsets->thread_cframe != NONE &&
        !read_pointer(walk, thread, offsets->thread_cframe, &walk->cframe))
        return false;
    if (offsets->cframe_frame != NONE)
        return read_pointer(walk, walk->cframe, offsets->cframe_frame, &walk->frame);
    return read_pointer(walk, thread, offsets->thread_frame, &walk->frame);
}

static bool is_repeated(struct walk *walk) {
    if (walk->frame == walk->earlier)
        return true;
    if (++walk->steps == walk->renewal) {
        walk->earlier = walk->frame;
        walk->renewal *= 2;
    }
    return false;
}

static uint64_t word_at(const struct walk *walk, uint32_t offset) {
    uint64_t word;
    memcpy(&word, walk->bytes + offset, sizeof word);
    return word;
}

static int32_t instruction_of(const struct walk *walk, uint64_t code) {
    const struct python_offsets *offsets = walk->offsets;
    int32_t last;
    if (offsets->instruction == PYTHON_POINTER)
        return (int32_t)(word_at(walk, offsets->frame_instruction) - (code + offsets->code_bytes));
    memcpy(&last, walk->bytes + offsets->frame_instruction, sizeof last);
    return offsets->instruction == PYTHON_LASTI_UNITS && last > 0 ? last * 2 : last;
}

static bool marks_loop(const struct walk *walk) {
    uint32_t owner = walk->offsets->frame_owner;
    return owner != NONE && walk->bytes[owner] >= PYTHON_OWNED_BY_LOOP;
}

/* Whether the frame that was read is the one that its loop was entered for, as far as it says that
 * itself. */
static bool is_entry(const struct walk *walk) {
    if (walk->offsets->frame_is_entry != NONE)
        return walk->bytes[walk->offsets->frame_is_entry] != 0;
    return walk->offsets->frame_owner == NONE;
}

static void take_frame(struct walk *walk, struct python_frame *ret) {
    uint64_t code = word_at(walk, walk->offsets->frame_code) & ~TAG_BITS;
    *ret = (struct python_frame){
        .address = walk->frame, .code = code, .instruction = instruction_of(walk, code)};
}

/* The loop at hand was entered for this frame. */
static void close_loop(struct walk *walk, struct python_frame *frame) {
    frame->is_entry = true;
    frame->loop = walk->cframe;
    if (walk->cframe)
        read_pointer(walk, walk->cframe, walk->offsets->cframe_previous, &walk->cframe);
}

/* Reads the frame at hand and goes to the next one; the last of the frames found may turn out to be
 * an entry.  False: it is none that can be read. */
static bool step(struct walk *walk, struct python_frame *frames, size_t *count) {
    struct python_frame *last = *count ? &frames[*count - 1] : NULL;
    if (is_repeated(walk) ||
        !python_read(walk->process, walk->frame, walk->bytes, walk->frame_bytes)) {
        walk->broken = true;
        return false;
    }
    if (marks_loop(walk)) {
        if (last && !last->is_entry) {
            close_loop(walk, last);
            last->loop = walk->frame;
        }
    } else {
        last = &frames[(*count)++];
        take_frame(walk, last);
        if (is_entry(walk))
            close_loop(walk, last);
    }
    walk->frame = word_at(walk, walk->offsets->frame_previous);
    return !walk->broken;
}

size_t python_frames_list(const struct python_process *process,
                          const struct python_runtime *runtime, uint64_t thread,
                          struct python_frame *frames, size_t limit, bool *truncated_ret) {
    struct walk walk;
    size_t count = 0;
    if (begin(&walk, process, &runtime->offsets, thread)) {
        while (walk.frame && count < limit && step(&walk, frames, &count))
            continue;
    }
    *truncated_ret = walk.broken || walk.frame;
    return count;
}

/* Threads. */

/* Where on the C stack the innermost frames of a thread state are run: less is further inward. */
static uint64_t innermost_loop(const struct python_process *process,
                               const struct python_runtime *runtime, uint64_t thread) {
    struct python_frame frames[2];
    struct walk walk;
    size_t count = 0;
    if (!begin(&walk, process, &runtime->offsets, thread))
        return UINT64_MAX;
    while (walk.frame && !(count && frames[0].is_entry) && step(&walk, frames, &count)) {
        if (count == 2)
            frames[0] = frames[--count];
    }
    return count && frames[0].is_entry ? frames[0].loop : UINT64_MAX;
}

struct search {
    const struct python_process *process;
    const struct python_runtime *runtime;
    const struct python_thread_id *id;
    size_t seen; /* interpreters and threads */
    uint64_t best;
    uint64_t best_loop;
};

static bool is_wanted(const struct search *search, uint64_t thread) {
    uint64_t found;
    const struct python_thread_id *id = search->id;
    const struct python_offsets *offsets = &search->runtime->offsets;
    uint32_t offset = id->pthread ? offsets->thread_pthread : offsets->thread_native;
    if (offset == NONE || !python_read_word(search->process, thread + offset, &found))
        return false;
    return found == (id->pthread ? id->pthread : (uint64_t)id->tid);
}

static void consider(struct search *search, uint64_t thread) {
    uint64_t loop = innermost_loop(search->process, search->runtime, thread);
    if (search->best && loop >= search->best_loop)
        return;
    search->best = thread;
    search->best_loop = loop;
}

static void search_interpreter(struct search *search, uint64_t interpreter) {
    const struct python_offsets *offsets = &search->runtime->offsets;
    uint64_t next = interpreter + offsets->interpreter_threads;
    uint64_t thread;
    while (python_read_word(search->process, next, &thread) && thread &&
           search->seen++ < LIST_LIMIT) {
        if (is_wanted(search, thread))
            consider(search, thread);
        next = thread + offsets->thread_next;
    }
}

uint64_t python_thread_find(const struct python_process *process,
                            const struct python_runtime *runtime,
                            const struct python_thread_id *id) {
    struct search search = {.process = process, .runtime = runtime, .id = id};
    uint64_t next = runtime->address + runtime->offsets.runtime_interpreters;
    uint64_t interpreter;
    if (!id->pthread && !id->tid)
        return 0;
    while (python_read_word(process, next, &interpreter) && interpreter &&
           search.seen++ < LIST_LIMIT) {
        search_interpreter(&search, interpreter);
        next = interpreter + runtime->offsets.interpreter_next;
    }
    return search.best;
}
