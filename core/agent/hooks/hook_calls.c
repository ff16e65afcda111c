#include "agent/hooks/hook_calls.h"

#include "agent/count/children.h"
#include "agent/hooks/nesting.h"
#include "agent/hooks/within.h"

static struct thread *hook_calls_leave(void) {
    call_state_leave();
    return NULL;
}

static struct thread *not_counted(uint64_t generation) {
    if (threads_self.excluded != generation)
        image_count_dropped();
    return hook_calls_leave();
}

struct thread *__attribute__((noinline))
hook_calls_enter_slowly(const uintptr_t *frame, uintptr_t state) {
    uint64_t generation = IMAGE_LOAD(&image->generation);
    if (generation == 0) {
        hook_calls_when_not_set_up();
        generation = IMAGE_LOAD(&image->generation);
    }
    if (!image_tracks(generation) || (children_any() && children_call()))
        return NULL;
    if (threads_self.call_slot != 0 &&
        !nesting_is_over(frame_return_slot(frame), frame_caller_pointer(frame)))
        return NULL;
    call_state_begin(frame, 0);
    struct thread *thread = threads_get(generation);
    if (!thread)
        return not_counted(generation);
    if (!within_holds(thread, frame))
        return hook_calls_leave();
    call_state_set(frame_return_slot(frame) | state);
    return thread;
}
