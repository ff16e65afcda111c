#include "cpython/python_frames.h"

#include <string.h>

#define NONE PYTHON_NO_OFFSET

/* More interpreters and threads than that are no list, but garbage. */
#define LIST_LIMIT 100000

/* Low bits of a pointer to a code object may be a tag: _PyStackRef of 3.14. */
#define TAG_BITS UINT64_C(7)

struct walk {
    const struct python_process *process;
    const struct python_offsets *offsets;
    uint64_t frame;  /* the next one */
    uint64_t cframe; /* of the loop that runs it; 0: there is none */
    /* The chain may end in itself: some earlier frame, renewed at ever greater distances. */
    uint64_t earlier;
    size_t steps;
    size_t renewal;
    bool broken;
};

static bool read_field(struct walk *walk, uint64_t address, uint32_t offset, void *ret,
                       size_t size_bytes) {
    if (python_read(walk->process, address + offset, ret, size_bytes))
        return true;
    walk->broken = true;
    return false;
}

static bool python_frames_read_pointer(struct walk *walk, uint64_t address, uint32_t offset,
                                       uint64_t *ret) {
    return read_field(walk, address, offset, ret, sizeof *ret);
}

static bool python_frames_begin(struct walk *walk, const struct python_process *process,
                                const struct python_offsets *offsets, uint64_t thread) {
    *walk = (struct walk){.process = process, .offsets = offsets, .renewal = 1};
    if (offsets->thread_cframe != NONE &&
        !python_frames_read_pointer(walk, thread, offsets->thread_cframe, &walk->cframe))
        return false;
    if (offsets->cframe_frame != NONE)
        return python_frames_read_pointer(walk, walk->cframe, offsets->cframe_frame, &walk->frame);
    return python_frames_read_pointer(walk, thread, offsets->thread_frame, &walk->frame);
}

static bool is_frame_repeated(struct walk *walk) {
    if (walk->frame == walk->earlier)
        return true;
    if (++walk->steps == walk->renewal) {
        walk->earlier = walk->frame;
        walk->renewal *= 2;
    }
    return false;
}

static bool read_instruction(struct walk *walk, uint64_t code, int32_t *ret) {
    const struct python_offsets *offsets = walk->offsets;
    uint64_t pointer;
    if (offsets->instruction != PYTHON_POINTER) {
        if (!read_field(walk, walk->frame, offsets->frame_instruction, ret, sizeof *ret))
            return false;
        if (offsets->instruction == PYTHON_LASTI_UNITS && *ret > 0)
            *ret *= 2;
        return true;
    }
    if (!python_frames_read_pointer(walk, walk->frame, offsets->frame_instruction, &pointer))
        return false;
    *ret = (int32_t)(pointer - (code + offsets->code_bytes));
    return true;
}

/* What a frame is to the evaluation loop. */
enum role {
    ROLE_PLAIN,
    ROLE_ENTRY,
    ROLE_MARK /* no function's: it says that the one before it is the entry */
};

static bool read_role(struct walk *walk, enum role *ret) {
    const struct python_offsets *offsets = walk->offsets;
    unsigned char byte = 1;
    if (offsets->frame_owner != NONE) {
        if (!read_field(walk, walk->frame, offsets->frame_owner, &byte, sizeof byte))
            return false;
        *ret = byte >= PYTHON_OWNED_BY_LOOP ? ROLE_MARK : ROLE_PLAIN;
        return true;
    }
    if (offsets->frame_is_entry != NONE &&
        !read_field(walk, walk->frame, offsets->frame_is_entry, &byte, sizeof byte))
        return false;
    *ret = byte ? ROLE_ENTRY : ROLE_PLAIN;
    return true;
}

static bool python_frames_read_frame(struct walk *walk, struct python_frame *ret) {
    struct python_frame frame = {.address = walk->frame};
    if (!python_frames_read_pointer(walk, walk->frame, walk->offsets->frame_code, &frame.code))
        return false;
    frame.code &= ~TAG_BITS;
    if (!read_instruction(walk, frame.code, &frame.instruction))
        return false;
    *ret = frame;
    return true;
}

/* The loop at hand was entered for this frame. */
static bool close_loop(struct walk *walk, struct python_frame *frame) {
    frame->is_entry = true;
    frame->loop = walk->cframe;
    return !walk->cframe || python_frames_read_pointer(
                                walk, walk->cframe, walk->offsets->cframe_previous, &walk->cframe);
}

/* The mark of the loop that runs the last frame found.  Without one, the loop is about to begin or
 * to end. */
static bool pass_mark(struct walk *walk, struct python_frame *last) {
    if (!last || last->is_entry)
        return true;
    bool closed = close_loop(walk, last);
    last->loop = walk->frame;
    return closed;
}

/* Reads the frame at hand and goes to the next one.  False: it can't. */
static bool python_frames_step(struct walk *walk, struct python_frame *frames, size_t *count) {
    enum role role;
    if (is_frame_repeated(walk)) {
        walk->broken = true;
        return false;
    }
    if (!read_role(walk, &role))
        return false;
    if (role == ROLE_MARK) {
        if (!pass_mark(walk, *count ? &frames[*count - 1] : NULL))
            return false;
    } else {
        if (!python_frames_read_frame(walk, &frames[*count]))
            return false;
        (*count)++;
        if (role == ROLE_ENTRY && !close_loop(walk, &frames[*count - 1]))
            return false;
    }
    return python_frames_read_pointer(walk, walk->frame, walk->offsets->frame_previous,
                                      &walk->frame);
}

size_t python_frames_list(const struct python_process *process,
                          const struct python_runtime *runtime, uint64_t thread,
                          struct python_frame *frames, size_t limit, bool *truncated_ret) {
    struct walk walk;
    size_t count = 0;
    if (python_frames_begin(&walk, process, &runtime->offsets, thread)) {
        while (walk.frame && count < limit && python_frames_step(&walk, frames, &count))
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
    if (!python_frames_begin(&walk, process, &runtime->offsets, thread))
        return UINT64_MAX;
    while (walk.frame && !(count && frames[0].is_entry) &&
           python_frames_step(&walk, frames, &count)) {
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

static void python_frames_consider(struct search *search, uint64_t thread) {
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
            python_frames_consider(search, thread);
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
