/* Who frees a site's temporaries: free stacks, and how much of the allocating stack is still there.
 *
 * A freeing stack is captured only when the freeing call differs from the site's last one. */
#ifndef TMPALLOC_FREE_SITES_H
#define TMPALLOC_FREE_SITES_H

#include "tables/tracker.h"
#include "unwind/interpreted_stacks.h"
#include "unwind/unwinder.h"

struct free_sites {
    struct unwinder *unwinder;
    struct interpreted_stacks *python; /* NULL: Python frames are not wanted */
    const struct capture **captures;   /* by stack number: the latest capture of an allocation */
    size_t capture_count;
};

/* The call that frees. */
struct free_call {
    uint64_t entry_address;
    uint64_t stack_pointer;
    uint64_t return_address;
    int64_t tid;
};

void free_sites_init(struct free_sites *sites, struct unwinder *unwinder,
                     struct interpreted_stacks *python);
void free_sites_deinit(struct free_sites *sites);
/* Captures became invalid (unwinder_reset, or a file was unloaded). */
void free_sites_forget(struct free_sites *sites);

/* Remembers where the frames of a site's latest allocation were; capture NULL: not known. */
int free_sites_allocated(struct free_sites *sites, struct site *site, const struct capture *capture,
                         uint64_t stack_pointer);
/* Records the freeing call when it ended a temporary.  `capture` is its stack; NULL: the debuggee
 * is stopped at its entry, to be captured if needed. */
int free_sites_note(struct free_sites *sites, const struct free_call *call,
                    const struct capture *capture, const struct tracker_release *freed,
                    struct error *error);

#endif
