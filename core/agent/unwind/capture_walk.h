/* A walk (../../unwind/walk.h) of the calling thread's stack, with a log of what it depended on. */
#ifndef TMPALLOC_AGENT_CAPTURE_WALK_H
#define TMPALLOC_AGENT_CAPTURE_WALK_H

#include <stddef.h>

#include "agent/system/capture_pages.h"
#include "agent/unwind/capture_entry.h"
#include "agent/unwind/cfi_rows.h"
#include "unwind/walk.h"

/* What a walk read.  `place` is eight bytes of memory that many bytes above the return slot, or,
 * with a flag among its low bits, which no place has itself, a register. */
struct capture_cell {
    int64_t place;
    uint64_t value; /* less the return slot's address when CELL_RELATIVE */
};

enum {
    CELL_RELATIVE = 1, /* the value served as an address: it may move along with the stack */
    CELL_FRAME_POINTER = 2,
    CELL_STACK_POINTER = 4, /* the return slot's address: the walk depends on it as a number */
    CELL_REGISTERS = CELL_FRAME_POINTER | CELL_STACK_POINTER,
    CELL_FLAGS = 7
};

/* Where a walk begins. */
struct capture_start {
    uintptr_t return_slot;
    uintptr_t frame_pointer;
};

struct capture_walk {
    struct walk_state state;
    struct cfi_rows *rows;
    struct capture_pages pages;
    uint32_t depth_limit;
    struct capture_start start;
    uint64_t *pcs; /* with CAPTURE_PC_EXACT */
    size_t pc_count;
    size_t pc_capacity;
    uintptr_t *bounds; /* of each pc: the stack pointer of the next frame outwards */
    size_t bound_count;
    size_t bound_capacity;
    struct capture_cell *cells;
    size_t cell_count;
    size_t cell_capacity;
    uint32_t modules; /* hash of the identities of the pcs' modules */
    bool truncated;
    bool unstable; /* it ended at memory that can't be read: cells don't tell an equal walk */
    bool no_memory;
};

void capture_walk_deinit(struct capture_walk *walk);

/* Fills pcs, bounds, cells and flags; their arrays are used again by the next run.  TMPALLOC_OK or
 * TMPALLOC_E_NOMEM. */
int capture_walk_run(struct capture_walk *walk, const struct capture_start *start);

/* Walks no further than to the frame whose return address is in the cell `outer_slot`.  Without
 * memory frames can't be found. */
enum capture_path capture_walk_to(struct capture_walk *walk, const struct capture_start *start,
                                  uintptr_t outer_slot);

static inline uint64_t capture_cell_read(int64_t place, const struct capture_start *start) {
    uint64_t word;
    if (place & CELL_FRAME_POINTER)
        word = start->frame_pointer;
    else if (place & CELL_STACK_POINTER)
        word = start->return_slot;
    else
        word = *(const uint64_t *)(start->return_slot + (uint64_t)(place & ~CELL_FLAGS));
    return place & CELL_RELATIVE ? word - start->return_slot : word;
}

#endif
