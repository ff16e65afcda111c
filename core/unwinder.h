/* Registers and stack memory in, call stack out.
 *
 * Unwinding is libdwfl's, from the modules' CFI.  Results are memoised by what was read: the walk
 * is a function of the return address, of the registers and of the stack cells that it read, so a
 * later allocation whose cells are all equal has the same stack, without unwinding (read-set
 * memoisation).  Entries whose walk used registers other than the stack pointer also compare those,
 * relative to the stack pointer. */
#ifndef TMPALLOC_UNWINDER_H
#define TMPALLOC_UNWINDER_H

#include "host.h"
#include "modules.h"
#include "stacks.h"

#define UNWINDER_DEPTH_LIMIT 1024

struct unwinder;

/* One captured call stack; owned by the unwinder, valid until unwinder_reset(). */
struct capture {
    uint32_t stack; /* number in struct stacks */
    uint32_t count; /* physical frames */
    /* For frame i, the distance in bytes from the captured stack pointer up to its CFA (the stack
     * pointer in its caller).  Frames of other stacks (signal stacks) may have negative ones. */
    const int64_t *cfa_offsets;
    const uint64_t *pcs; /* run-time addresses of the frames */
};

int unwinder_create(struct host *host, struct modules *modules, struct stacks *stacks,
                    struct unwinder **ret);
void unwinder_destroy(struct unwinder *unwinder);

/* Frames kept per stack, 1..UNWINDER_DEPTH_LIMIT; longer stacks are marked truncated. */
void unwinder_set_depth(struct unwinder *unwinder, uint32_t depth);

/* Captures the stack of the current thread, whose pc and stack pointer are given.  The innermost
 * frame is pc itself.  Reads stack memory through the host, directly from /proc when that shows the
 * same memory. */
int unwinder_capture(struct unwinder *unwinder, uint64_t pc, uint64_t stack_pointer,
                     struct error *error, const struct capture **ret);

/* Forgets everything memoised (another process, or a file was unloaded). */
void unwinder_reset(struct unwinder *unwinder);

#endif
