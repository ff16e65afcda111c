/* The agent's source of memory, besides what ../memory.h has.
 *
 * Small blocks are carved out of chunks of anonymous private memory, and released ones are kept for
 * the next request of their size; large ones are mappings of their own.  A part of the limit is a
 * reserve that only threads which asked for it may touch, so that counting goes on when call stacks
 * have used up the rest. */
#ifndef TMPALLOC_MEMORY_MMAP_H
#define TMPALLOC_MEMORY_MMAP_H

#include <stdbool.h>
#include <stdint.h>

#define MEMORY_RESERVE_SHARE 8 /* of the limit: one part in so many */

/* Bytes mapped at most; to be called before the first allocation. */
void memory_set_limit(uint64_t limit_bytes);
uint64_t memory_mapped(void);

/* Whether the calling thread may use the reserve; at first it may not. */
void memory_use_reserve(bool allowed);

/* Around fork: nobody changes anything in between, unless it is false, see lock.h.  Both parent and
 * child call the second. */
bool memory_before_fork(void);
void memory_after_fork(void);

#endif
