/* The Python frames of the calling thread, found again by comparing instead of walking.
 *
 * What a walk finds depends on the memory that it reads: from the thread state to the innermost
 * frame, and of each frame its code object, instruction, mark and predecessor.  Each distinct walk
 * is kept with that, and the next stack whose memory is equal is the same stack, as long as no code
 * object died that was on any: see python_codes.h.
 *
 * It goes between the native frames like this.  Each Python frame up to and including one with
 * is_entry belongs in front of (inwards of) one native frame of the evaluation loop: the innermost
 * such run in front of the innermost native one, and so on.  Which native frames those are
 * python_capture_loops() says by addresses on the C stack: an entry's is between the stack pointers
 * of that frame and the next one outwards.  So native and Python stacks are captured apart, each
 * with its own memo, and a pair of them that wasn't seen before is merged once, by a native walk
 * that notes where frames begin; afterwards the pair alone leads to the merged stack.  Neither
 * depends on the other: with equal native frames, the k-th entry is in the k-th loop.
 *
 * A cache belongs to one thread at a time and takes no locks but that of python_codes.h, when a
 * walk is new.  Not reentrant; errno is left alone; memory comes from memory.h only. */
#ifndef TMPALLOC_AGENT_PYTHON_CAPTURE_H
#define TMPALLOC_AGENT_PYTHON_CAPTURE_H

#include "agent/cpython/python_codes.h"

#define PYTHON_DEPTH_LIMIT 1024

struct python_cache;

struct python_place {
    const struct python_code *code;
    int32_t instruction;
    uint32_t is_entry;
};

/* One distinct stack of one cache.  It never moves, lives as long as the cache, and doesn't change
 * but for `data`. */
struct python_entry {
    uint32_t count;     /* 0: no Python function runs in this thread */
    uint32_t truncated; /* 1: there are more frames that couldn't be read or exceed the depth */
    void *data;         /* the owner's; NULL at first */
    struct python_place places[]; /* innermost first */
};

/* To be called when python_here() has found a runtime.  TMPALLOC_OK, or TMPALLOC_E_NOMEM with *ret
 * untouched. */
int python_cache_init(struct python_cache **ret);
/* The thread that used the cache is gone, or stops using it. */
void python_cache_forget(struct python_cache *cache);
/* Releases the cache and its entries; NULL is fine. */
void python_cache_destroy(struct python_cache *cache);

/* NULL: there is no memory for a stack that wasn't seen before. */
struct python_entry *python_capture(struct python_cache *cache);

/* Of the stack that python_capture() found last: for each entry, innermost first, an address in the
 * C stack frame of its call of the evaluation loop (0: unknown, before 3.10).  Returns how many, at
 * most `limit`. */
size_t python_capture_loops(struct python_cache *cache, uint64_t *loops, size_t limit);

/* Stacks walked anew since the cache was created, for tests and statistics. */
uint64_t python_capture_walks(const struct python_cache *cache);

#endif
