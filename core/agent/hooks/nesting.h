/* Hooks that are called while the thread is in one already. */
#ifndef TMPALLOC_NESTING_H
#define TMPALLOC_NESTING_H

#include <stdbool.h>
#include <stdint.h>

/* Whether the thread's call in progress was left by longjmp or an exception, so that a new one with
 * this return slot, whose caller has this frame pointer, is an outermost one.  Otherwise the
 * function calls others that are hooked, which count with it; or a signal handler does, whose call
 * is counted as dropped. */
bool nesting_is_over(uintptr_t return_slot, uintptr_t frame_pointer);

#endif
