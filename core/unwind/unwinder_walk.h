/* One walk from the innermost frame outwards, with a log of what it read.
 *
 * Registers of outer frames are kept as places and read only when a rule needs them, so that the
 * log holds nothing that the result doesn't depend on: a saved register that no later rule uses
 * must not make an equal stack look like another one.  Code isn't logged: it doesn't change. */
#ifndef TMPALLOC_UNWINDER_WALK_H
#define TMPALLOC_UNWINDER_WALK_H

#include "unwind/unwinder_memo.h"
#include "unwind/unwinder_rules.h"

struct walk_frame {
    uint64_t pc;
    int64_t cfa_offset; /* CFA less the stack pointer where the walk began */
    bool exact;
};

struct walk {
    const struct processor *processor;
    struct modules *modules;
    struct unwind_rules *rules;
    frame_code_read read_code;
    void *read_code_arg;
    uint32_t depth_limit;

    /* Results of the latest walk. */
    struct walk_frame *frames;
    size_t frame_count;
    size_t frame_capacity;
    struct unwinder_cell *cells;
    size_t cell_count;
    size_t cell_capacity;
    bool truncated;  /* it ended before the outermost frame: */
    bool incomplete; /* at an address or a memory cell that nothing is known of */

    const struct unwinder_thread *thread;
    bool pinned; /* the log has the stack pointer itself */
    int status;
};

void walk_deinit(struct walk *walk);

/* Walks the stack of a thread.  TMPALLOC_OK or TMPALLOC_E_NOMEM. */
int walk_run(struct walk *walk, const struct unwinder_thread *thread);

#endif
