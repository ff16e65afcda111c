/* CPython's object allocator for the breakpoint engine.
 *
 * Its functions are found in their tables (object_allocator_tables.h).  Where callers have them
 * inlined behind a check that the table still has them, breakpoints would see nothing; so the
 * tables get the addresses of stubs, jumps to the functions, in bytes at the end of a file's code
 * that belong to nothing.  The functions then are entry points as others are. */
#ifndef TMPALLOC_OBJECT_ALLOCATOR_STUBS_H
#define TMPALLOC_OBJECT_ALLOCATOR_STUBS_H

#include "debugger/breakpoints.h"
#include "engines/entry_points.h"
#include "unwind/interpreted_stacks.h"

/* Three domains of four functions, as they are and with debug hooks. */
#define OBJECT_ALLOCATOR_FUNCTIONS 12

struct object_allocator_stubs {
    struct host *host;
    struct modules *modules;
    struct interpreted_stacks *python; /* NULL: they aren't wanted */
    bool found;                        /* the tables are known */
    bool settled;                      /* and nobody else will write to them */
    struct object_allocator_tables tables;
    uint64_t first_stub; /* address of the first one; 0: not yet */
    struct entry_point functions[OBJECT_ALLOCATOR_FUNCTIONS]; /* by stub; address 0: it has none */
    size_t count;
};

/* At a stop, or while a hit is handled: the tables lead to stubs, as far as they are there yet, and
 * new functions get breakpoints.  TMPALLOC_E_STATE: there is no CPython; TMPALLOC_E_UNSUPPORTED: it
 * can't be done with this one. */
int object_allocator_stubs_follow(struct object_allocator_stubs *stubs,
                                  struct breakpoints *breakpoints, struct error *error);

/* The function at this address; NULL: it is none of them. */
const struct entry_point *object_allocator_stubs_at(const struct object_allocator_stubs *stubs,
                                                    uint64_t address);

/* At a stop of the process: the tables lead to the functions again.  The stubs stay. */
void object_allocator_stubs_restore(struct object_allocator_stubs *stubs);

#endif
