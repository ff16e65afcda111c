#include "agent/hooks/within.h"

#include "agent/count/call_state.h"
#include "agent/count/children.h"
#include "agent/hooks/nesting.h"
#include "agent/system/capture_pages.h"

static void within_end(struct thread *thread) {
    thread->within_slot = 0;
    threads_flush(thread);
}

/* The walk reads nothing of the stack that isn't part of it; the other one's may be gone. */
static bool still_returns(const struct thread *thread, bool walked) {
    uintptr_t slot = thread->within_slot;
    return (walked || capture_pages_readable(&(struct capture_pages){0}, slot)) &&
           *(const uintptr_t *)slot == thread->within_returns;
}

/* Whether the function's outermost call is still on the stack of this one. */
static bool within_goes_on(const struct thread *thread, const uintptr_t *frame) {
    uintptr_t slot = thread->within_slot, return_slot = frame_return_slot(frame);
    if (!slot || return_slot == slot || !thread->cache)
        return false;
    enum capture_path path =
        capture_path(thread->cache, return_slot, frame_caller_pointer(frame), slot);
    return path != CAPTURE_PATH_NONE && still_returns(thread, path != CAPTURE_PATH_UNKNOWN);
}

static void within_enter(struct thread *thread, const uintptr_t *frame) {
    if (within_goes_on(thread, frame))
        return;
    within_end(thread);
    thread->image.entries++;
    thread->within_slot = frame_return_slot(frame);
    thread->within_returns = frame_return_address(frame);
}

void within_entered(const uintptr_t *frame) {
    uint64_t generation = IMAGE_LOAD(&image->generation);
    if (!image_tracks(generation) || (children_any() && children_call()) ||
        (threads_self.call_slot != 0 &&
         !nesting_is_over(frame_return_slot(frame), frame_caller_pointer(frame))))
        return;
    call_state_begin(frame, 0);
    struct thread *thread = threads_get(generation);
    if (thread)
        within_enter(thread, frame);
    call_state_leave();
}

bool within_holds(struct thread *thread, const uintptr_t *frame) {
    if (thread->everywhere_generation == thread->image.generation || within_goes_on(thread, frame))
        return true;
    if (thread->within_slot)
        within_end(thread);
    return false;
}
