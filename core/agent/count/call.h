/* An allocator call under tracking, and its stack. */
#ifndef TMPALLOC_CALL_H
#define TMPALLOC_CALL_H

#include "agent/count/threads.h"

/* It counts as long as its thread's generation is the image's. */
struct call {
    struct thread *thread;
    const uintptr_t *frame; /* of the hook: its caller's frame pointer, then the return address */
    uint32_t entry_point;   /* index in the image's entry_points */
};

/* A block that a realloc may free. */
struct taken {
    enum detector_verdict verdict;
    struct detector_block block;
};

static inline uintptr_t call_frame_pointer(const struct call *call) {
    return frame_caller_pointer(call->frame);
}

static inline uintptr_t call_return_slot(const struct call *call) {
    return frame_return_slot(call->frame);
}

static inline uintptr_t call_return_address(const struct call *call) {
    return frame_return_address(call->frame);
}

/* NULL without memory. */
struct agent_stack *call_stack(const struct call *call);

#endif
