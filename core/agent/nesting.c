#include "nesting.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>

#include "threads.h"

static bool on_signal_stack(void) {
    stack_t stack;
    int saved_errno = errno;
    bool result = sigaltstack(NULL, &stack) == 0 && (stack.ss_flags & SS_ONSTACK);
    errno = saved_errno;
    return result;
}

/* The present call is further out, or the return address of the other is gone from the stack. */
static bool was_left(uintptr_t slot, uintptr_t return_slot) {
    if (slot <= return_slot)
        return !on_signal_stack();
    return *(const uintptr_t *)slot != threads_self.call_returns;
}

static void count_dropped(void) {
    struct thread *thread = threads_self.thread;
    if (thread)
        __atomic_fetch_add(&thread->image.dropped, 1, __ATOMIC_RELAXED);
    else
        image_count_dropped();
}

/* What is between the call and the one in progress.  A signal may come now as well. */
static enum capture_path look(uintptr_t slot, uintptr_t return_slot, uintptr_t frame_pointer) {
    struct thread *thread = threads_self.thread;
    if (!thread || !thread->cache)
        return CAPTURE_PATH_UNKNOWN;
    threads_self.call_slot = slot;
    atomic_signal_fence(memory_order_seq_cst);
    enum capture_path path = capture_path(thread->cache, return_slot, frame_pointer, slot);
    atomic_signal_fence(memory_order_seq_cst);
    threads_self.call_slot = slot | CALL_IN_FUNCTION;
    return path;
}

bool nesting_is_over(uintptr_t return_slot, uintptr_t frame_pointer) {
    uintptr_t state = threads_self.call_slot;
    uintptr_t slot = state & ~CALL_IN_FUNCTION;
    if (was_left(slot, return_slot))
        return true;
    enum capture_path path = CAPTURE_PATH_INTERRUPTED;
    if (state & CALL_IN_FUNCTION)
        path = look(slot, return_slot, frame_pointer);
    if (path == CAPTURE_PATH_INTERRUPTED)
        count_dropped();
    return path == CAPTURE_PATH_NONE;
}
