/* The call stack of an allocator call with its Python frames, as the image has it.
 *
 * A stack of native frames and one of Python frames, each found again by comparing, have been
 * merged when they came together for the first time; after that the pair of them leads to the
 * result.  Pairs that differ in the instructions of a line alone have one result.  As
 * python_capture.h has it, each run of Python frames up to an entry stands before the native frame
 * of the evaluation loop that runs it.
 *
 * Belongs to one thread at a time, as the captures that it merges; takes no locks of its own. errno
 * is left alone; memory comes from memory.h only. */
#ifndef TMPALLOC_AGENT_MERGED_STACKS_H
#define TMPALLOC_AGENT_MERGED_STACKS_H

#include "agent/unwind/capture.h"
#include "tmpalloc/agent_image.h"

struct merged_stacks;

/* To be called when python_here() has found a runtime.  TMPALLOC_OK, or TMPALLOC_E_NOMEM with *ret
 * untouched. */
int merged_stacks_create(struct merged_stacks **ret);
/* Another thread uses it from now on.  NULL is fine. */
void merged_stacks_forget(struct merged_stacks *merged);

/* `native` with the calling thread's Python frames; NULL: these two are not among those that came
 * together lately, and merged_stacks_merge() has to be called for them. */
struct agent_stack *merged_stacks_find(struct merged_stacks *merged, struct agent_stack *native)
    __attribute__((noinline));

/* `native` itself when there are no Python frames, or when there is no memory to merge them.
 * return_slot and frame_pointer are those that it was captured with. */
struct agent_stack *merged_stacks_merge(struct merged_stacks *merged, struct capture_cache *cache,
                                        struct agent_stack *native, uintptr_t return_slot,
                                        uintptr_t frame_pointer) __attribute__((noinline, cold));

#endif
