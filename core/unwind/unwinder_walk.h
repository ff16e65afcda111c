/* One walk (walk.h) of the debugger's from the innermost frame outwards, with a log of what it
 * read.
 */
#ifndef TMPALLOC_UNWINDER_WALK_H
#define TMPALLOC_UNWINDER_WALK_H

#include "unwind/unwinder_memo.h"
#include "unwind/unwinder_rules.h"
#include "unwind/walk.h"

struct walk_frame {
    uint64_t pc;
    int64_t cfa_offset; /* CFA less the stack pointer where the walk began */
    bool exact;
};

struct walk {
    struct walk_state state;
    struct walk_side side;
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
    int status;
};

void walk_deinit(struct walk *walk);

/* Walks the stack of a thread.  TMPALLOC_OK or TMPALLOC_E_NOMEM. */
int walk_run(struct walk *walk, const struct unwinder_thread *thread);

#endif
