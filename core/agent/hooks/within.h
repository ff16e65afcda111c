/* Counting only while one function is on the thread's stack, called by whomever.
 *
 * The function is hooked, so that its outermost call is known by the stack slot of its return
 * address.  The call goes on as long as the return address is there and the slot belongs to a frame
 * of the stack: a call that was left by longjmp or an exception is over as well.  What a thread
 * allocates there is in its window until the call is over; frees outside go uncounted. */
#ifndef TMPALLOC_WITHIN_H
#define TMPALLOC_WITHIN_H

#include "agent/count/threads.h"

/* The frames are as hook_calls_enter() has them. */

/* The function is called. */
void within_entered(const uintptr_t *frame);

/* Whether an allocator call counts, in the thread's record. */
bool within_holds(struct thread *thread, const uintptr_t *frame);

#endif
