/* The frame of a function that keeps its caller's frame pointer, which every hook does: that is
 * where its frame address leads to, and the return address is the word above. */
#ifndef TMPALLOC_AGENT_CALL_FRAME_H
#define TMPALLOC_AGENT_CALL_FRAME_H

#include <stdint.h>

static inline uintptr_t frame_caller_pointer(const uintptr_t *frame) {
    return frame[0];
}

static inline uintptr_t frame_return_slot(const uintptr_t *frame) {
    return (uintptr_t)(frame + 1);
}

static inline uintptr_t frame_return_address(const uintptr_t *frame) {
    return frame[1];
}

/* Where arguments are that have no register. */
static inline uintptr_t frame_stack_arguments(const uintptr_t *frame) {
    return (uintptr_t)(frame + 2);
}

/* Stores two words by one instruction, at a multiple of 16: a signal handler finds both or none.
 * The compiler doesn't use this register (meson.build), nor does a hook's caller hand anything over
 * in it. */
static inline void frame_store_pair(uintptr_t (*place)[2], uintptr_t first,
                                    const uintptr_t *second) {
    __asm__ volatile("movq %1, %%xmm0\n\t"
                     "movhps %2, %%xmm0\n\t"
                     "movaps %%xmm0, %0"
                     : "=m"(*place)
                     : "r"(first), "m"(*second));
}

#endif
