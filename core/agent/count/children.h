/* Processes that share the memory of this one, but are not part of it: children of vfork() and of
 * clone().  What they allocate counts nowhere.
 *
 * They use what belongs to the thread that made them, which waits until they execute a program or
 * end; where it doesn't wait the kernel tells of the end.  A child with thread-local storage of its
 * own is taken for a thread. */
#ifndef TMPALLOC_AGENT_CHILDREN_H
#define TMPALLOC_AGENT_CHILDREN_H

#include <stdint.h>
#include <sys/types.h>

#include "agent/count/threads.h"

/* The calling thread makes one that it waits for, and has gone on afterwards. */
void children_begin(void);
void children_end(void);

/* It makes one that it doesn't wait for: where the kernel has to store the child's number, and to
 * clear it at its end, as has to be done where it can't be made.  NULL: no more can be told. */
pid_t *children_begin_apart(void);

static inline bool children_any(void) {
    return threads_self.children > 0;
}

/* Where there are any: whether one of them is who calls. */
bool children_call(void) __attribute__((noinline, cold));

#endif
