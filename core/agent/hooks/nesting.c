#include "agent/hooks/nesting.h"

#include <signal.h>
#include <stdatomic.h>

#include "agent/count/threads.h"
#include "agent/system/capture_pages.h"
#include "agent/system/own_code.h"
#include "agent/system/sandbox_state.h"
#include "agent/x86_64/system_call.h"

static bool on_signal_stack(uintptr_t return_slot) {
    stack_t stack;
    if (sandbox_entered())
        return !capture_pages_on_own_stack(return_slot);
    long result = system_call4(SYS_sigaltstack, 0, (long)&stack, 0, 0);
    return !system_call_failed(result) && (stack.ss_flags & SS_ONSTACK);
}

/* The present call is further out, or the return address of the other is gone from the stack. */
static bool was_left(uintptr_t slot, uintptr_t return_slot) {
    if (slot <= return_slot)
        return !on_signal_stack(return_slot);
    return *(const uintptr_t *)slot != threads_self.call_returns;
}

/* The call is one of the thread's that doesn't count.  Its own calls are told by its return
 * address, which nobody else leaves at that place. */
static void nesting_drop(uintptr_t return_slot) {
    struct thread *thread = threads_self.thread;
    threads_self.dropped_slot = return_slot;
    threads_self.dropped_returns = *(const uintptr_t *)return_slot;
    if (thread)
        __atomic_fetch_add(&thread->image.dropped, 1, __ATOMIC_RELAXED);
    else
        image_count_dropped();
}

/* The way from a call out to a frame.  A signal may come meanwhile. */
static enum capture_path nesting_find_path(uintptr_t return_slot, uintptr_t frame_pointer,
                                           uintptr_t outer_slot) {
    struct thread *thread = threads_self.thread;
    uintptr_t state = threads_self.call_slot;
    if (!thread || !thread->cache)
        return CAPTURE_PATH_UNKNOWN;
    threads_self.call_slot = state & ~CALL_IN_FUNCTION;
    atomic_signal_fence(memory_order_seq_cst);
    enum capture_path path = capture_path(thread->cache, return_slot, frame_pointer, outer_slot);
    atomic_signal_fence(memory_order_seq_cst);
    threads_self.call_slot = state;
    return path;
}

/* Where the agent itself was interrupted, no walk is possible.  The stack of the call that was
 * dropped may be gone. */
static bool is_part_of_dropped(uintptr_t return_slot, uintptr_t frame_pointer) {
    uintptr_t slot = threads_self.dropped_slot;
    if (return_slot >= slot || !capture_pages_readable(&(struct capture_pages){0}, slot) ||
        *(const uintptr_t *)slot != threads_self.dropped_returns)
        return false;
    return !(threads_self.call_slot & CALL_IN_FUNCTION) ||
           nesting_find_path(return_slot, frame_pointer, slot) == CAPTURE_PATH_CALLS;
}

/* The function went on to another by a jump: a hook, in progress or dropped, called both. */
static bool is_called_by_hook(uintptr_t return_slot) {
    return own_code_has(&own_code_agent, *(const uintptr_t *)return_slot);
}

bool nesting_is_over(uintptr_t return_slot, uintptr_t frame_pointer) {
    uintptr_t slot = threads_self.call_slot & ~CALL_IN_FUNCTION;
    if (was_left(slot, return_slot))
        return true;
    if (is_called_by_hook(return_slot))
        return false;
    enum capture_path path = CAPTURE_PATH_INTERRUPTED;
    if (threads_self.call_slot & CALL_IN_FUNCTION)
        path = nesting_find_path(return_slot, frame_pointer, slot);
    if (path == CAPTURE_PATH_INTERRUPTED && !is_part_of_dropped(return_slot, frame_pointer))
        nesting_drop(return_slot);
    return path == CAPTURE_PATH_NONE;
}
