/* The memo of what the debugger's walks read: stack memory and registers, through callbacks.
 *
 * Places are relative to the stack pointer.  So are values that served as addresses: where all of
 * them moved along with the stack pointer, the whole walk moved along. */
#ifndef TMPALLOC_UNWINDER_MEMO_H
#define TMPALLOC_UNWINDER_MEMO_H

#include "unwind/memo.h"

enum unwinder_cell_kind {
    UNWINDER_MEMORY,  /* a word at stack pointer + place */
    UNWINDER_REGISTER /* the register with the DWARF number `place` */
};

struct unwinder_cell {
    int64_t place;
    uint64_t value; /* less the stack pointer when `relative` */
    enum unwinder_cell_kind kind;
    bool relative;
    bool missing; /* it could not be read; the value is 0 */
};

/* The thread at hand. */
struct unwinder_thread {
    uint64_t pc;
    uint64_t stack_pointer;
    /* Reads a cell: raw, not relative.  False: it can't be read. */
    bool (*read)(void *arg, enum unwinder_cell_kind kind, int64_t place, uint64_t *ret);
    void *arg;
};

/* The cell's value for comparing: relative and missing as in *cell. */
struct unwinder_cell unwinder_cell_observe(const struct unwinder_cell *cell,
                                           const struct unwinder_thread *thread);

/* The result of the equal walk, whose root is the pc; NULL with *ret filled when there is none. */
const void *unwinder_memo_find(const struct memo *memo, const struct unwinder_thread *thread,
                               struct memo_departure *ret);

/* Keeps a walk that was not found.  The cells are copied, the result is not.  TMPALLOC_OK, also
 * where it isn't worth keeping, or TMPALLOC_E_NOMEM. */
int unwinder_memo_add(struct memo *memo, uint64_t pc, const struct memo_departure *departure,
                      const struct unwinder_cell *cells, uint32_t count, const void *result);

#endif
