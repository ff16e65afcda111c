/* Where the calling thread is with its allocator call.  A signal handler may come between any two
 * instructions, and its calls ask. */
#ifndef TMPALLOC_CALL_STATE_H
#define TMPALLOC_CALL_STATE_H

#include <stdatomic.h>

#include "agent/count/call.h"

static inline void call_state_set(uintptr_t call_slot) {
    atomic_signal_fence(memory_order_seq_cst);
    threads_self.call_slot = call_slot;
    atomic_signal_fence(memory_order_seq_cst);
}

/* Ends an event. */
static inline void call_state_leave(void) {
    call_state_set(0);
}

/* Around the call of the real function. */
static inline void call_state_go_out(const struct call *call) {
    call_state_set(call_return_slot(call) | CALL_IN_FUNCTION);
}

static inline void call_state_come_back(const struct call *call) {
    call_state_set(call_return_slot(call));
}

static inline void call_state_begin(const uintptr_t *frame, uintptr_t state) {
    const uintptr_t *return_slot = (const uintptr_t *)frame_return_slot(frame);
    threads_begin_call((uintptr_t)return_slot | state, return_slot);
    atomic_signal_fence(memory_order_seq_cst);
}

#endif
