#include "engines/pending_calls.h"

#include "support/memory.h"

/* Where the caller of `frame` will go on; 0 for the outermost. */
static uint64_t return_address(const struct capture *capture, int64_t frame) {
    return frame + 1 < (int64_t)capture->count ? capture->pcs[frame + 1] : 0;
}

/* The frame of `capture` that is this activation; -1: none.  Where the return address has no place
 * of its own, only the frame tells it. */
static int64_t frame_of(const struct capture *capture, uint64_t stack_pointer,
                        const struct activation *activation,
                        const struct processor_return *returns) {
    uint64_t cfa = activation->stack_pointer + returns->taken_bytes;
    for (uint32_t i = 0; i < capture->count; i++) {
        if (stack_pointer + (uint64_t)capture->cfa_offsets[i] == cfa &&
            (!returns->in_register || return_address(capture, i) == activation->return_address))
            return i;
    }
    return -1;
}

bool activation_is_live(const struct activation *activation, const struct processor_return *returns,
                        uint64_t stack_pointer, const struct capture *capture,
                        const struct stack *stack) {
    return stack->truncated || frame_of(capture, stack_pointer, activation, returns) >= 0;
}

static bool interrupted_below(const struct stack *stack, int64_t frame) {
    for (int64_t i = 1; i <= frame && i < (int64_t)stack->count; i++) {
        if (stack->frames[i].exact)
            return true;
    }
    return false;
}

/* A wrapper that ends by jumping to another entry point leaves its own return address in place.  A
 * block that is freed again from there, with nothing between, is the same free: a signal that comes
 * while a debugger steps over its breakpoint makes it stop there twice. */
static bool is_same_event(const struct pending_call *call, const struct pending_hit *hit) {
    if (hit->stack_pointer != call->activation.stack_pointer ||
        hit->return_address != call->activation.return_address)
        return false;
    if (hit->entry_address != call->entry_address)
        return call->awaits_return || hit->pointer == call->pointer;
    return !call->awaits_return && hit->pointer == call->pointer &&
           hit->allocations == call->allocations;
}

enum call_nesting pending_calls_nesting(const struct pending_call *call,
                                        const struct pending_hit *hit,
                                        const struct processor_return *returns,
                                        const struct capture *capture, const struct stack *stack) {
    if (is_same_event(call, hit))
        return CALL_NESTED;
    if (hit->stack_pointer == call->activation.stack_pointer)
        return CALL_OUTERMOST;
    if (!capture)
        return CALL_NEEDS_CAPTURE;
    int64_t frame = frame_of(capture, hit->stack_pointer, &call->activation, returns);
    if (frame < 0)
        return CALL_OUTERMOST;
    /* A free's return isn't observed, so its slot may be another function's by now. */
    uint64_t pc = capture->pcs[frame];
    if (!call->awaits_return && (pc < call->entry_address || pc >= call->entry_end))
        return CALL_OUTERMOST;
    return interrupted_below(stack, frame) ? CALL_IN_SIGNAL : CALL_NESTED;
}

static uint64_t pending_calls_cfa(const struct capture *capture, uint64_t stack_pointer,
                                  int64_t frame) {
    return stack_pointer + (uint64_t)capture->cfa_offsets[frame];
}

uint32_t pending_calls_shared_frames(const struct capture *allocation,
                                     uint64_t allocation_stack_pointer, const struct capture *free,
                                     uint64_t free_stack_pointer) {
    uint32_t shared = 0;
    int64_t i = (int64_t)allocation->count - 1;
    int64_t j = (int64_t)free->count - 1;
    for (; i >= 0 && j >= 0; i--, j--, shared++) {
        if (pending_calls_cfa(allocation, allocation_stack_pointer, i) !=
                pending_calls_cfa(free, free_stack_pointer, j) ||
            return_address(allocation, i) != return_address(free, j))
            break;
    }
    return shared;
}

void pending_calls_init(struct pending_calls *calls) {
    map_init(&calls->by_key);
}

static void for_each_call(struct pending_calls *calls, void (*change)(struct pending_call *call)) {
    for (size_t i = 0; i < calls->by_key.capacity; i++) {
        const struct map_slot *slot = &calls->by_key.slots[i];
        if (slot->used)
            change(&((struct calling_thread *)(uintptr_t)slot->value)->call);
    }
}

static bool returns_to(const struct activation *activation, uint64_t address) {
    return activation->active && activation->return_address == address;
}

bool pending_calls_return_to(const struct pending_calls *calls, uint64_t address) {
    for (size_t i = 0; i < calls->by_key.capacity; i++) {
        const struct map_slot *slot = &calls->by_key.slots[i];
        const struct calling_thread *thread = (struct calling_thread *)(uintptr_t)slot->value;
        if (slot->used &&
            ((thread->call.awaits_return && returns_to(&thread->call.activation, address)) ||
             returns_to(&thread->within, address) || returns_to(&thread->resolving, address) ||
             returns_to(&thread->forking, address)))
            return true;
    }
    return false;
}

static void forget_capture(struct pending_call *call) {
    call->capture = NULL;
}

void pending_calls_forget_captures(struct pending_calls *calls) {
    for_each_call(calls, forget_capture);
}

static void forget_old_block(struct pending_call *call) {
    call->old.verdict = DETECTOR_PLAIN;
}

void pending_calls_forget_old_blocks(struct pending_calls *calls) {
    for_each_call(calls, forget_old_block);
}

void pending_calls_deinit(struct pending_calls *calls) {
    for (size_t i = 0; i < calls->by_key.capacity; i++) {
        const struct map_slot *slot = &calls->by_key.slots[i];
        if (slot->used)
            memory_release((void *)(uintptr_t)slot->value);
    }
    map_deinit(&calls->by_key);
}

struct calling_thread *pending_calls_get(struct pending_calls *calls, uint64_t key) {
    uint64_t value;
    return map_get(&calls->by_key, key, &value) ? (struct calling_thread *)(uintptr_t)value : NULL;
}

int pending_calls_add(struct pending_calls *calls, uint64_t key, struct tracker_thread *thread,
                      struct calling_thread **ret) {
    struct calling_thread *added = memory_allocate_zeroed(1, sizeof(*added));
    if (!added)
        return TMPALLOC_E_NOMEM;
    added->thread = thread;
    int status = map_put(&calls->by_key, key, (uint64_t)(uintptr_t)added);
    if (status == TMPALLOC_OK)
        *ret = added;
    else
        memory_release(added);
    return status;
}

void pending_calls_remove(struct pending_calls *calls, uint64_t key) {
    struct calling_thread *thread = pending_calls_get(calls, key);
    map_remove(&calls->by_key, key);
    memory_release(thread);
}
