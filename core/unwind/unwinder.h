/* Registers and stack memory in, call stack out.
 *
 * Unwinding follows the modules' call frame information (.eh_frame, else .debug_frame), read by
 * libdw; where there is none, frame pointers as far as the code shows that they are there (see
 * frame_code.h); where there are none the stack ends, marked truncated.  Results are memoised by
 * what was read: see memo.h.  Only what a walk depends on counts as read; at the entry of
 * a function that is, as a rule, stack memory and no register besides the two given. */
#ifndef TMPALLOC_UNWINDER_H
#define TMPALLOC_UNWINDER_H

#include "debugger/host.h"
#include "names/modules.h"
#include "tables/stacks.h"

#define UNWINDER_DEPTH_LIMIT 1024

struct unwinder;

/* One captured call stack; owned by the unwinder, valid until unwinder_reset(). */
struct capture {
    uint32_t stack; /* number in struct stacks */
    uint32_t count; /* physical frames */
    /* For frame i, the distance in bytes from the captured stack pointer up to its CFA (the stack
     * pointer in its caller).  Frames of other stacks (signal stacks) may have negative ones.  For
     * a last frame whose CFA is unknown it is the distance to that frame's own stack pointer. */
    const int64_t *cfa_offsets;
    const uint64_t *pcs; /* run-time addresses of the frames */
};

/* How captures came about since the unwinder was created. */
struct unwinder_statistics {
    uint64_t hits;    /* found again by comparing */
    uint64_t unwinds; /* walked anew */
};

int unwinder_create(struct host *host, struct modules *modules, struct stacks *stacks,
                    struct unwinder **ret);
void unwinder_destroy(struct unwinder *unwinder);

/* Frames kept per stack, 1..UNWINDER_DEPTH_LIMIT; longer stacks are marked truncated. */
void unwinder_set_depth(struct unwinder *unwinder, uint32_t depth);

/* Captures the stack of the current thread, whose pc and stack pointer are given.  The innermost
 * frame is pc itself.  Reads stack memory through the host, directly from /proc when that shows the
 * same memory.  Follows modules_generation() by itself; captures from before stay valid.  Memory
 * that can't be read truncates the stack.  TMPALLOC_E_NOMEM; TMPALLOC_E_UNSUPPORTED: the processor
 * isn't known. */
int unwinder_capture(struct unwinder *unwinder, uint64_t pc, uint64_t stack_pointer,
                     struct error *error, const struct capture **ret);

/* The rules for an exact frame, as unwind_rules_find() gives them. */
struct unwinder_row;
int unwinder_row(struct unwinder *unwinder, const struct frame *place, struct error *error,
                 const struct unwinder_row **ret);

/* Forgets everything memoised and every capture (another process, perhaps of another processor). */
void unwinder_reset(struct unwinder *unwinder);

struct unwinder_statistics unwinder_statistics(const struct unwinder *unwinder);

#endif
