/* Allocator calls in progress, one per thread: the outermost.
 *
 * A call is identified by the stack pointer at its entry, where its return address is or would be.
 * It is still in progress exactly when a frame of the thread's present call stack began there; a
 * call that was left by longjmp, an exception or cancellation fails that test, also on other
 * stacks. */
#ifndef TMPALLOC_PENDING_CALLS_H
#define TMPALLOC_PENDING_CALLS_H

#include "engines/entry_points.h"
#include "support/map.h"
#include "tables/tracker.h"
#include "unwind/unwinder.h"

/* A function's activation. */
struct activation {
    bool active;
    uint64_t stack_pointer; /* at its first instruction */
    uint64_t return_address;
};

struct pending_call {
    struct activation activation;
    bool
        awaits_return; /* of a free only the entry is observed, where the function's end is known */
    struct entry_signature signature;
    uint64_t entry_address;
    uint64_t entry_end; /* end of the entry point's code */
    uint64_t pointer;   /* block given to free or realloc; where posix_memalign stores */
    uint64_t size_bytes;
    uint64_t allocations; /* of the hit at its entry, see struct pending_hit */
    uint32_t stack;
    const struct capture *capture; /* of `stack`; NULL: forgotten */
    struct tracker_release old;    /* what a realloc frees if it succeeds */
};

struct calling_thread {
    struct tracker_thread *thread;
    struct pending_call call; /* the latest; an inactive activation: none */
    struct activation within; /* outermost activation of the --within function */
    struct activation
        resolving; /* latest activation of an indirect function's resolver, which is */
    uint64_t resolver;
    struct activation forking; /* outermost call that makes a process */
    bool spawning;             /* one whose result is an error's number */
};

/* The hit of an entry point, as far as nesting depends on it. */
struct pending_hit {
    uint64_t entry_address;
    uint64_t stack_pointer;
    uint64_t return_address;
    uint64_t pointer;     /* as in struct pending_call */
    uint64_t allocations; /* a number that is another one after any thread may have allocated */
};

enum call_nesting {
    CALL_OUTERMOST,
    CALL_NESTED,        /* beneath the thread's call, or its tail call: the same event */
    CALL_IN_SIGNAL,     /* in a signal handler that interrupted the thread's call */
    CALL_NEEDS_CAPTURE, /* only the call stack can tell */
};

/* Relates a hit to the thread's call, whose return address was seen to be in its place, or has
 * none.  The first pass gets capture NULL; for CALL_NEEDS_CAPTURE it is asked again with the stack,
 * whose frames for signals come from `stack`. */
enum call_nesting pending_calls_nesting(const struct pending_call *call,
                                        const struct pending_hit *hit,
                                        const struct processor_return *returns,
                                        const struct capture *capture, const struct stack *stack);

/* Whether the function is still on the stack that was captured at this stack pointer, when its
 * return address is in its place, or has none.  Where the stack is truncated that alone tells. */
bool activation_is_live(const struct activation *activation, const struct processor_return *returns,
                        uint64_t stack_pointer, const struct capture *capture,
                        const struct stack *stack);

/* How many outermost frames of the allocation's stack are still the same activations at the free.
 */
uint32_t pending_calls_shared_frames(const struct capture *allocation,
                                     uint64_t allocation_stack_pointer, const struct capture *free,
                                     uint64_t free_stack_pointer);

/* The threads seen, by key. */
struct pending_calls {
    struct map by_key;
};

void pending_calls_init(struct pending_calls *calls);
void pending_calls_deinit(struct pending_calls *calls);
/* Added with this tracker thread when new; NULL without memory. */
struct calling_thread *pending_calls_get(struct pending_calls *calls, uint64_t key);
int pending_calls_add(struct pending_calls *calls, uint64_t key, struct tracker_thread *thread,
                      struct calling_thread **ret);
/* Whether a call, the --within function, a resolver or what makes a process is expected to return
 * to this address. */
bool pending_calls_return_to(const struct pending_calls *calls, uint64_t address);
/* Captures became invalid. */
void pending_calls_forget_captures(struct pending_calls *calls);
/* The blocks that reallocs in progress took are in nobody's window any more. */
void pending_calls_forget_old_blocks(struct pending_calls *calls);
void pending_calls_remove(struct pending_calls *calls, uint64_t key);

#endif
