/* The agent's source of memory, besides what ../memory.h has.
 *
 * Blocks are carved out of anonymous private memory, which grows in proportion and is never given
 * back: small ones out of chunks, where released ones are kept for the next request of their size,
 * large ones in whole pages.  A part is a reserve that only threads which asked for it may touch,
 * so that counting goes on when call stacks have used up the rest, or nothing can be mapped any
 * more. */
#ifndef TMPALLOC_MEMORY_MMAP_H
#define TMPALLOC_MEMORY_MMAP_H

#include <stdbool.h>
#include <stdint.h>

#define MEMORY_RESERVE_SHARE 8 /* one part in so many of what there is */

/* Bytes mapped at most; to be called before the first allocation. */
void memory_set_limit(uint64_t limit_bytes);
/* Without pages that were mapped ahead and not used yet. */
uint64_t memory_mapped(void);

/* Maps what the limit leaves, as far as there is memory: a sandbox is about to be entered. */
void memory_reserve_rest(void);

/* Whether the calling thread may use the reserve; at first it may not. */
void memory_use_reserve(bool allowed);

/* Around fork: nobody changes anything in between, unless it is false, see lock.h.  Both parent and
 * child call the second. */
bool memory_before_fork(void);
void memory_after_fork(void);

#endif
