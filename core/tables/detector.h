/* Decides which frees end a temporary allocation.
 *
 * Every thread owns a window: a ring of its last max_threshold + 1 allocations (rounded up to a
 * power of two).  One direct-mapped table of 64-bit words for the whole process, indexed by address
 * bits, names for an address the owning thread and the number (ordinal) of that thread's
 * allocation. A free looks at one word:
 *   - it names this address and this thread: the distance is the difference of two counters;
 *   - this address and another thread: a cross-thread free;
 *   - another address: the block is in nobody's window.
 * A block that is freed leaves its owner's ring, so the owner can never mistake a later block at
 * this address for this one.  The word stays: it counts only while the ring has the block that it
 * names, and the next allocation at this address replaces it.
 * An allocation that would overwrite a word still inside its owner's window puts that word aside in
 * a small locked list first; that makes the answer exact.  Addresses too high for a word are always
 * in that list.  It is purged of words that left their window: memory depends on live windows only.
 *
 * Threading: a window is used by its thread alone, but for blocks that others free: they take them
 * out of its ring by compare-and-exchange, as the owner may be using their place for a new one.  By
 * compare-and-exchange words change, too, so two threads that meet at one word lose neither's; the
 * list has a spin lock.  detector_flush() needs all threads stopped.  Knows neither files nor
 * symbols: the same object is compiled into the agent. */
#ifndef TMPALLOC_DETECTOR_H
#define TMPALLOC_DETECTOR_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* Highest max_threshold: the ordinals of a window must differ in the bits that a word has for them.
 */
#define DETECTOR_THRESHOLD_LIMIT 1023

struct detector;
struct window;

enum detector_verdict {
    DETECTOR_PLAIN,       /* in nobody's window */
    DETECTOR_TEMPORARY,   /* in the freeing thread's window: distance <= max_threshold */
    DETECTOR_CROSS_THREAD /* in another thread's window */
};

/* What a window remembers of a block. */
struct detector_block {
    uint64_t address;
    uint64_t size_bytes;
    uint64_t distance; /* other allocations of the owner since */
    uint64_t number;   /* of its allocation, among the owner's: 1 is the first */
    void *site;        /* as given to detector_allocated() */
    void *owner;       /* as given to detector_add_window() */
    uint64_t word;     /* for detector_put_back() */
};

/* A place in a window's ring. */
struct window_entry {
    _Atomic uint64_t address; /* 0: none */
    _Atomic uint64_t size_bytes;
    _Atomic(void *) site;
};

/* How a debugger finds the blocks in the memory of a window, by offsets from its address: the
 * number of the thread's latest allocation, a 64-bit word, and the ring, in which the n-th
 * allocation has the place n modulo ring_entries. */
struct window_layout {
    uint32_t allocations_off;
    uint32_t ring_off;
    uint32_t ring_entries;
};

/* max_threshold <= DETECTOR_THRESHOLD_LIMIT.  *alone is not 0 while no thread but the caller's can
 * call any function below, which makes allocations cheaper; it may change as threads come and go.
 * NULL: there may always be others.  TMPALLOC_OK or TMPALLOC_E_NOMEM. */
int detector_create(uint32_t max_threshold, const char *alone, struct detector **ret);
void detector_destroy(struct detector *detector);

/* A window for a new thread.  A window of an exited thread is used again. */
int detector_add_window(struct detector *detector, void *owner, struct window **ret);
/* The thread exited: its blocks are in nobody's window from now on. */
void detector_remove_window(struct detector *detector, struct window *window);
/* Empties one window; the thread goes on. */
void detector_flush_window(struct detector *detector, struct window *window);
/* Empties all windows. */
void detector_flush(struct detector *detector);

/* Around fork: no other thread is in the middle of a change that the child would miss the rest of.
 * Parent and child call the second.  False: another thread is, see lock.h. */
bool detector_before_fork(struct detector *detector);
void detector_after_fork(struct detector *detector);

/* The thread allocated a block; address is not 0.  TMPALLOC_OK, or TMPALLOC_E_NOMEM when a word
 * could not be put aside: the block that it names, this or an older one, then is in nobody's
 * window. */
int detector_allocated(struct detector *detector, struct window *window, uint64_t address,
                       uint64_t size_bytes, void *site);

/* The thread frees a block.  *ret is filled unless the verdict is DETECTOR_PLAIN.  (Of a block of
 * another thread that allocates meanwhile, size, site and distance may already be those of its next
 * one.) */
enum detector_verdict detector_freed(struct detector *detector, struct window *window,
                                     uint64_t address, struct detector_block *ret);

/* Undoes detector_freed(): the free did not happen (a realloc that failed).  TMPALLOC_OK, or
 * TMPALLOC_E_NOMEM: the block then is in nobody's window. */
int detector_put_back(struct detector *detector, const struct detector_block *block);

/* The number-th allocation of a window, 1 is the first, after that of a block that was just freed
 * with at least that distance.  Only size and site in *ret are filled. */
void detector_later(const struct detector *detector, const struct window *window,
                    const struct detector_block *block, uint64_t number,
                    struct detector_block *ret);

/* The number of the thread's latest allocation. */
uint64_t detector_latest(const struct window *window);

/* Whether a block of the window is not freed, by its number, one of the latest max_threshold + 1.
 */
bool detector_holds(struct detector *detector, const struct window *window, uint64_t number);

/* Looks without freeing.  False: the address starts no block in any window. */
bool detector_find(struct detector *detector, uint64_t address, struct detector_block *ret);

/* Calls visit for each block in this window, the latest first, until it returns false. */
void detector_for_each(struct detector *detector, const struct window *window,
                       bool (*visit)(void *arg, const struct detector_block *block), void *arg);

struct window_layout detector_window_layout(const struct detector *detector);

/* Walks through all words, windows and what is aside: whether they are as events leave them.  For
 * tests; no other thread may be in a call. */
bool detector_is_valid(struct detector *detector);

#endif
