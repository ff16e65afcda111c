/* Records of threads.
 *
 * A thread takes a record when it makes its first allocator call under tracking, and keeps it until
 * the kernel ends the thread: each record has a robust mutex that its thread never unlocks, and the
 * kernel marks it when the owner dies.  So whatever destructors and the C library still allocate
 * at the thread's end counts, nothing needs to run then, and "exited" means the same to us as to
 * pthread_join().  A later thread takes the record over: memory follows the peak number of threads.
 */
#ifndef TMPALLOC_THREADS_H
#define TMPALLOC_THREADS_H

#include <pthread.h>

#include "agent/count/image.h"
#include "agent/cpython/merged_stacks.h"
#include "agent/unwind/capture.h"
#include "agent/x86_64/call_frame.h"
#include "support/map.h"
#include "tables/chains.h"
#include "tables/detector.h"

struct thread {
    struct agent_thread image;
    /* In this generation of the image its calls count wherever they come from; 0: in none, or only
     * within a function. */
    uint64_t everywhere_generation;
    uintptr_t within_slot;    /* stack slot of that function's outermost call; 0: there is none */
    uintptr_t within_returns; /* the return address in it */
    struct window *window;
    struct chains *chains;
    struct capture_cache *cache;  /* NULL: without memory */
    struct merged_stacks *python; /* NULL: Python frames are not wanted or not to be had */
    struct merged_stacks *merged; /* the same, kept for when they are; or NULL */
    uint64_t visit;         /* changes with each thread (high half) and each reset (low half) */
    struct map lone_stacks; /* return address -> struct agent_stack *, when memory is short */
    struct agent_site *last_resort; /* counts what has no site */
    struct agent_caught caught;     /* of its latest event that the debugger was told of */
    pthread_mutex_t life;
};

/* What belongs to the calling thread. */
struct threads_self {
    /* Stack slot of the allocator call in progress; 0: none. */
    _Alignas(2 * sizeof(uintptr_t)) uintptr_t call_slot;
    uintptr_t call_returns; /* the return address in it */
    struct thread *thread;  /* NULL: no record yet */
    uintptr_t dropped_slot; /* the same of the latest call that was dropped */
    uintptr_t dropped_returns;
    uint64_t excluded; /* in this generation of the image another thread alone counts */
    /* See children.h.  While there are any `thread` is NULL, so that their calls come the long way.
     */
    uint32_t children;
    pid_t *apart; /* the number of one that the thread doesn't wait for; NULL: there is none */
    struct thread *kept; /* the thread's record */
};

/* Set in call_slot while the function that was called runs; the agent touches nothing of the
 * thread's then. */
#define CALL_IN_FUNCTION ((uintptr_t)1)

extern __thread struct threads_self threads_self __attribute__((tls_model("initial-exec")));

/* A call begins.  Both are stored at once, or a signal handler's calls in between would replace one
 * of them. */
static inline void threads_begin_call(uintptr_t call_slot, const uintptr_t *return_slot) {
    frame_store_pair((uintptr_t(*)[2]) & threads_self.call_slot, call_slot, return_slot);
}

/* The calling thread's number, for which the kernel isn't asked.  In a child that shares memory it
 * is its parent's. */
int64_t threads_own_tid(void);

/* To be called once, after image_create().  TMPALLOC_OK or TMPALLOC_E_NOMEM. */
int threads_init(void);
struct detector *threads_detector(void);

/* A stack cut after its innermost frame; return address 0: even that isn't known.  NULL without
 * memory. */
struct agent_stack *threads_cut_stack(uint64_t return_address);

/* Counters for a stack of this thread's own, for the image to show.  NULL without memory. */
struct agent_site *threads_add_site(struct thread *thread, struct agent_stack *stack,
                                    uint32_t entry_point) __attribute__((noinline, cold));

/* One more way to free a site's temporaries, not yet part of the image.  NULL without memory. */
struct agent_free *threads_add_free(void);

/* The caller's record, up to date with this generation of the image; NULL without memory, or when
 * the thread is excluded from it. */
struct thread *threads_renew(uint64_t generation);

static inline struct thread *threads_get(uint64_t generation) {
    struct thread *thread = threads_self.thread;
    if (__builtin_expect(thread && thread->image.generation == generation, 1))
        return thread;
    return threads_renew(generation);
}

static inline uint32_t threads_life(uint64_t visit) {
    return (uint32_t)(visit >> 32);
}

/* The blocks in the thread's window are in nobody's from now on. */
void threads_flush(struct thread *thread);

/* Whether blocks in the window of this record, of another thread, still count. */
bool threads_window_holds(const struct thread *thread, uint64_t generation);

/* Around fork: before it, and after it in the parent or in the child, where all counters are zero
 * and all windows empty then.  Of a fork in a signal handler that interrupted the agent, while
 * another thread was in the middle of a change, the child tracks nothing. */
void threads_before_fork(void);
void threads_in_parent(void);
void threads_in_child(void);

#endif
