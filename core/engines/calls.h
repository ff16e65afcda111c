/* Allocator calls in progress, one per thread: the outermost.
 *
 * A call is identified by the stack pointer at its entry, where its return address is or would be.
 * It is still in progress exactly when a frame of the thread's present call stack began there; a
 * call that was left by longjmp, an exception or cancellation fails that test, also on other
 * stacks. */
#ifndef TMPALLOC_CALLS_H
#define TMPALLOC_CALLS_H

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

struct call {
    struct activation activation;
    bool
        awaits_return; /* of a free only the entry is observed, where the function's end is known */
    struct entry_signature signature;
    uint64_t entry_address;
    uint64_t entry_end; /* end of the entry point's code */
    uint64_t pointer;   /* block given to free or realloc; where posix_memalign stores */
    uint64_t size_bytes;
    uint64_t allocations; /* of the stop at its entry, see struct call_stop */
    uint32_t stack;
    const struct capture *capture; /* of `stack`; NULL: forgotten */
    struct tracker_release old;    /* what a realloc frees if it succeeds */
};

struct call_thread {
    struct tracker_thread *thread;
    struct call call;         /* the latest; an inactive activation: none */
    struct activation within; /* outermost activation of the --within function */
    struct activation
        resolving; /* latest activation of an indirect function's resolver, which is */
    uint64_t resolver;
};

/* The stop at an entry point, as far as nesting depends on it. */
struct call_stop {
    uint64_t entry_address;
    uint64_t stack_pointer;
    uint64_t return_address;
    uint64_t pointer;     /* as in struct call */
    uint64_t allocations; /* a number that is another one after any thread may have allocated */
};

enum call_nesting {
    CALL_OUTERMOST,
    CALL_NESTED,        /* beneath the thread's call, or its tail call: the same event */
    CALL_IN_SIGNAL,     /* in a signal handler that interrupted the thread's call */
    CALL_NEEDS_CAPTURE, /* only the call stack can tell */
};

/* Relates a stop to the thread's call, whose return address was seen to be in its place, or has
 * none.  The first pass gets capture NULL; for CALL_NEEDS_CAPTURE it is asked again with the stack,
 * whose frames for signals come from `stack`. */
enum call_nesting call_nesting(const struct call *call, const struct call_stop *stop,
                               const struct processor_return *returns,
                               const struct capture *capture, const struct stack *stack);

/* Whether the function is still on the stack that was captured at this stack pointer, when its
 * return address is in its place, or has none.  Where the stack is truncated that alone tells. */
bool activation_is_live(const struct activation *activation, const struct processor_return *returns,
                        uint64_t stack_pointer, const struct capture *capture,
                        const struct stack *stack);

/* How many outermost frames of the allocation's stack are still the same activations at the free.
 */
uint32_t call_shared_frames(const struct capture *allocation, uint64_t allocation_stack_pointer,
                            const struct capture *free, uint64_t free_stack_pointer);

/* The threads seen, by key. */
struct call_threads {
    struct map by_key;
};

void call_threads_init(struct call_threads *threads);
void call_threads_deinit(struct call_threads *threads);
/* Added with this tracker thread when new; NULL without memory. */
struct call_thread *call_threads_get(struct call_threads *threads, uint64_t key);
int call_threads_add(struct call_threads *threads, uint64_t key, struct tracker_thread *thread,
                     struct call_thread **ret);
/* Whether a call, the --within function or a resolver is expected to return to this address. */
bool call_threads_return_to(const struct call_threads *threads, uint64_t address);
/* Captures became invalid. */
void call_threads_forget_captures(struct call_threads *threads);
/* The blocks that reallocs in progress took are in nobody's window any more. */
void call_threads_forget_old_blocks(struct call_threads *threads);
void call_threads_remove(struct call_threads *threads, uint64_t key);

#endif
