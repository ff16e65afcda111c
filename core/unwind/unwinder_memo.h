/* Read-set memoisation: call stacks found again by comparing what their walk read.
 *
 * A walk is a deterministic function of the pc, the stack pointer, and the cells that it reads one
 * after the other: stack memory and registers.  Each distinct walk is kept as an entry with its
 * cells in the order of reading.  Looking one up starts at the canonical root entry of the pc and
 * compares cells; at the first that differs, at cell k with value v, it follows the link
 * (entry, k, v) to the entry that agrees up to and including k, or finds that there is none, which
 * is where the new walk's entry is to be linked.  So a walk is never kept twice, and a lookup reads
 * nothing that a fresh walk wouldn't read.
 *
 * Places are relative to the stack pointer.  So are values that served as addresses: where all of
 * them moved along with the stack pointer, the whole walk moved along.
 *
 * Knows neither debug information nor how memory is read. */
#ifndef TMPALLOC_UNWINDER_MEMO_H
#define TMPALLOC_UNWINDER_MEMO_H

#include <stdbool.h>
#include <stdint.h>

#include "support/arena.h"
#include "support/map.h"

enum memo_kind {
    MEMO_MEMORY,  /* eight bytes at stack pointer + place */
    MEMO_REGISTER /* the register with the DWARF number `place` */
};

struct memo_cell {
    int64_t place;
    uint64_t value; /* less the stack pointer when `relative` */
    enum memo_kind kind;
    bool relative;
    bool missing; /* it could not be read; the value is 0 */
};

struct memo_entry {
    const struct memo_cell *cells;
    uint32_t cell_count;
    uint32_t link_cell;            /* where it departs from */
    const struct memo_entry *from; /* NULL: a root */
    const void *result;            /* of the caller */
};

/* All zeros is an empty memo. */
struct memo {
    struct map roots; /* pc -> entry */
    struct map links; /* hash of (entry, cell, value) -> entry */
    struct arena arena;
};

/* Reads a cell of the thread at hand: raw, not relative.  False: it can't be read. */
typedef bool (*memo_read)(void *arg, enum memo_kind kind, int64_t place, uint64_t *ret);

/* Where an unknown walk departs from the known ones. */
struct memo_departure {
    const struct memo_entry *entry; /* NULL: there is no root */
    uint32_t cell;
};

void memo_deinit(struct memo *memo);

/* The cell's value for comparing: relative and missing as in *cell. */
struct memo_cell memo_observe(const struct memo_cell *cell, uint64_t stack_pointer, memo_read read,
                              void *arg);

/* The result of the equal walk; NULL with *ret filled when there is none. */
const void *memo_find(const struct memo *memo, uint64_t pc, uint64_t stack_pointer, memo_read read,
                      void *arg, struct memo_departure *ret);

/* Keeps a walk that was not found.  The cells are copied, the result is not.  TMPALLOC_OK or
 * TMPALLOC_E_NOMEM. */
int memo_add(struct memo *memo, uint64_t pc, const struct memo_departure *departure,
             const struct memo_cell *cells, uint32_t count, const void *result);

#endif
