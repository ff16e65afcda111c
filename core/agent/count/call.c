#include "agent/count/call.h"

_Static_assert(CAPTURE_PC_EXACT == AGENT_PC_EXACT && CAPTURE_PC_LIMIT == AGENT_PC_PYTHON &&
                   CAPTURE_DEPTH_LIMIT <= AGENT_STACK_LIMIT,
               "pcs mean the same");
_Static_assert(offsetof(struct agent_stack, owner) == offsetof(struct capture_entry, data) &&
                   offsetof(struct agent_stack, pcs) == offsetof(struct capture_entry, pcs) &&
                   offsetof(struct agent_stack, truncated) ==
                       offsetof(struct capture_entry, truncated) &&
                   offsetof(struct agent_stack, modules) == offsetof(struct capture_entry, modules),
               "captured stacks are part of the image as they are");

struct agent_stack *call_stack(const struct call *call) {
    struct capture_cache *cache = call->thread->cache;
    struct merged_stacks *python = call->thread->python;
    if (!cache)
        return NULL;
    struct agent_stack *stack = (struct agent_stack *)capture_stack(cache, call_return_slot(call),
                                                                    call_frame_pointer(call));
    if (__builtin_expect(python == NULL, 1) || !stack)
        return stack;
    struct agent_stack *merged = merged_stacks_find(python, stack);
    return merged ? merged
                  : merged_stacks_merge(python, cache, stack, call_return_slot(call),
                                        call_frame_pointer(call));
}
