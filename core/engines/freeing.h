/* Who frees a site's temporaries: free stacks, and how much of the allocating stack is still there.
 *
 * A freeing stack is captured only when the freeing call differs from the site's last one. */
#ifndef TMPALLOC_FREEING_H
#define TMPALLOC_FREEING_H

#include "tables/tracker.h"
#include "unwind/interpreted_stacks.h"
#include "unwind/unwinder.h"

struct freeing {
    struct unwinder *unwinder;
    struct interpreted_stacks *python; /* NULL: Python frames are not wanted */
    const struct capture **captures;   /* by stack number: the latest capture of an allocation */
    size_t capture_count;
};

/* The call that frees. */
struct freeing_call {
    uint64_t entry_address;
    uint64_t stack_pointer;
    uint64_t return_address;
    int64_t tid;
};

void freeing_init(struct freeing *freeing, struct unwinder *unwinder,
                  struct interpreted_stacks *python);
void freeing_deinit(struct freeing *freeing);
/* Captures became invalid (unwinder_reset, or a file was unloaded). */
void freeing_forget(struct freeing *freeing);

/* Remembers where the frames of a site's latest allocation were; capture NULL: not known. */
int freeing_allocated(struct freeing *freeing, struct site *site, const struct capture *capture,
                      uint64_t stack_pointer);
/* Records the freeing call when it ended a temporary.  `capture` is its stack; NULL: the debuggee
 * is stopped at its entry, to be captured if needed. */
int freeing_note(struct freeing *freeing, const struct freeing_call *call,
                 const struct capture *capture, const struct tracker_release *freed,
                 struct error *error);

#endif
