/* What every hook does around the function that it stands before.
 *
 * Each allocator call of the process runs through these, so they are inline where they are hot. */
#ifndef TMPALLOC_HOOK_CALLS_H
#define TMPALLOC_HOOK_CALLS_H

#include "agent/count/call_state.h"
#include "agent/count/events.h"

/* The rest of hook_calls_enter(), for all that isn't the usual case: the record to count in; NULL:
 * it is no event. */
struct thread *hook_calls_enter_slowly(const uintptr_t *frame, uintptr_t state)
    __attribute__((cold));

/* What the first calls of a process lead to, as long as nothing tracks.  Relocated before any hook
 * can run. */
extern void (*const hook_calls_when_not_set_up)(void);

/* Begins an event, for which the call goes out to the real function at once if `state` says so.
 * False: it is none.  `frame` is where the hook keeps its caller's frame pointer; the return
 * address follows.  A thread's record is up to date with no generation that doesn't track. */
static inline __attribute__((always_inline)) bool
hook_calls_enter(struct call *call, const uintptr_t *frame, uint32_t entry_point, uintptr_t state) {
    struct thread *thread = threads_self.thread;
    uint64_t generation = IMAGE_LOAD(&image->generation);
    if (__builtin_expect(thread && thread->everywhere_generation == generation &&
                             threads_self.call_slot == 0,
                         1))
        call_state_begin(frame, state);
    else
        thread = hook_calls_enter_slowly(frame, state);
    *call = (struct call){.thread = thread, .frame = frame, .entry_point = entry_point};
    return thread;
}

/* A realloc has returned `result`. */
static inline void hook_calls_resized(const struct call *call, uintptr_t block,
                                      const struct taken *taken, uintptr_t result,
                                      uint64_t size_bytes) {
    if (allocator_has_ended(block, size_bytes, result))
        events_reallocated(call, block, taken, result, size_bytes);
    else
        events_put_back(call, taken);
}

#endif
