/* CPython's object allocator for the breakpoint engine.
 *
 * Its functions are found in their tables (python_tables.h).  Where callers have them inlined
 * behind a check that the table still has them, breakpoints would see nothing; so the tables get
 * the addresses of stubs, jumps to the functions, in bytes at the end of a file's code that belong
 * to nothing.  The functions then are entry points as others are. */
#ifndef TMPALLOC_ENGINE_OBJECTS_H
#define TMPALLOC_ENGINE_OBJECTS_H

#include "debugger/breakpoints.h"
#include "engines/entry_points.h"
#include "unwind/interpreted_stacks.h"

/* Three domains of four functions, as they are and with debug hooks. */
#define ENGINE_OBJECT_FUNCTIONS 12

struct engine_objects {
    struct host *host;
    struct modules *modules;
    struct interpreted_stacks *python; /* NULL: they aren't wanted */
    bool found;                        /* the tables are known */
    bool settled;                      /* and nobody else will write to them */
    struct python_tables tables;
    uint64_t stubs; /* address of the first one; 0: not yet */
    struct entry_point functions[ENGINE_OBJECT_FUNCTIONS]; /* by stub; address 0: it has none */
    size_t count;
};

/* At a stop, or while a hit is handled: the tables lead to stubs, as far as they are there yet, and
 * new functions get breakpoints.  TMPALLOC_E_STATE: there is no CPython; TMPALLOC_E_UNSUPPORTED: it
 * can't be done with this one. */
int engine_objects_follow(struct engine_objects *objects, struct breakpoints *breakpoints,
                          struct error *error);

/* The function at this address; NULL: it is none of them. */
const struct entry_point *engine_objects_at(const struct engine_objects *objects, uint64_t address);

/* At a stop of the process: the tables lead to the functions again.  The stubs stay. */
void engine_objects_restore(struct engine_objects *objects);

#endif
