/* Events in, counters per call stack out: the detector and the tables put together.
 *
 * One thread feeds a tracker (the debugger's engines run while the debuggee is stopped).  The agent
 * combines the same parts with its own threads. */
#ifndef TMPALLOC_TRACKER_H
#define TMPALLOC_TRACKER_H

#include "tables/detector.h"
#include "tables/snapshot.h"
#include "tables/stacks.h"

struct tracker;
struct tracker_thread;

/* A free and what it meant.  block is valid unless the verdict is DETECTOR_PLAIN. */
struct tracker_release {
    enum detector_verdict verdict;
    uint64_t address; /* 0: no free */
    struct tracker_thread *thread;
    struct detector_block block;
};

int tracker_create(uint32_t max_threshold, struct tracker **ret);
void tracker_destroy(struct tracker *tracker);
struct stacks *tracker_stacks(struct tracker *tracker);
struct snapshot_totals *tracker_totals(struct tracker *tracker);
uint32_t tracker_max_threshold(const struct tracker *tracker);

/* The thread with this key, added when new; NULL without memory.  Valid until it exited. */
struct tracker_thread *tracker_get_thread(struct tracker *tracker, uint64_t key, int64_t tid);
uint64_t tracker_thread_key(const struct tracker_thread *thread);
int64_t tracker_thread_tid(const struct tracker_thread *thread);
void tracker_thread_exited(struct tracker *tracker, struct tracker_thread *thread);
/* Number of threads alive as far as known; calls visit for each until it returns false.  The visit
 * may report this thread's exit. */
size_t tracker_thread_count(const struct tracker *tracker);
void tracker_for_each_thread(struct tracker *tracker,
                             bool (*visit)(void *arg, struct tracker_thread *thread), void *arg);

/* A successful allocation with this stack; address is not 0.  *ret (may be NULL) is the site it was
 * counted at.  TMPALLOC_OK, or TMPALLOC_E_NOMEM: then the totals counted it, *ret is NULL when no
 * site did, and the free of this or another block may later be taken for a plain one. */
int tracker_allocated(struct tracker *tracker, struct tracker_thread *thread, uint64_t address,
                      uint64_t size_bytes, uint32_t stack, struct site **ret);
/* A free; address 0 is no event.  An owner that exited must have been told before.  *ret (may be
 * NULL) is what it meant.  TMPALLOC_OK, or TMPALLOC_E_NOMEM when its step in a growth chain was not
 * counted. */
int tracker_freed(struct tracker *tracker, struct tracker_thread *thread, uint64_t address,
                  bool by_realloc, struct tracker_release *ret);
/* The same in two steps, for realloc: its old block is taken before the call, because another
 * thread may get the address during it, and counted after it succeeded or put back. */
void tracker_take(struct tracker *tracker, struct tracker_thread *thread, uint64_t address,
                  struct tracker_release *ret);
int tracker_count_free(struct tracker *tracker, const struct tracker_release *release,
                       bool by_realloc);
/* The thread's latest allocation, at this site (NULL: none could count it), is what realloc made of
 * what was released.  As tracker_freed(). */
int tracker_reallocated(const struct tracker_release *release, uint64_t size_bytes,
                        struct site *site);
void tracker_put_back(struct tracker *tracker, const struct tracker_release *release);
/* Looks without freeing; owner in *ret is a struct tracker_thread. */
bool tracker_find(struct tracker *tracker, uint64_t address, struct detector_block *ret);
/* For tests, see detector_is_valid(). */
bool tracker_is_valid(struct tracker *tracker);
/* The number-th allocation, 1 is the first, of the thread after that of the temporary that it has
 * just released.  Its site may be NULL. */
void tracker_later(const struct tracker *tracker, const struct tracker_release *release,
                   uint64_t number, struct detector_block *ret);
/* Counts how many outermost frames of the allocation's stack were still there when the temporary
 * was freed.  TMPALLOC_OK, or TMPALLOC_E_NOMEM when it was not counted. */
int tracker_count_scope(const struct tracker_release *release, uint32_t shared_frames,
                        uint32_t free_stack);

/* Empties all windows, or this thread's; zeroes the counters and empties all windows. */
void tracker_flush(struct tracker *tracker);
void tracker_flush_thread(struct tracker *tracker, struct tracker_thread *thread);
void tracker_reset(struct tracker *tracker);

/* TMPALLOC_OK, or TMPALLOC_E_NOMEM with *ret untouched. */
int tracker_snapshot(struct tracker *tracker, struct snapshot *ret);

#endif
