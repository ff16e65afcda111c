/* What capturing finds. */
#ifndef TMPALLOC_AGENT_CAPTURE_ENTRY_H
#define TMPALLOC_AGENT_CAPTURE_ENTRY_H

#include <stddef.h>
#include <stdint.h>

#define CAPTURE_DEPTH_LIMIT 1024

/* Set in a pc: a signal came exactly there.  All others are return addresses. */
#define CAPTURE_PC_EXACT (UINT64_C(1) << 63)

/* All pcs are below that: what a damaged or foreign stack has in place of one ends it. */
#define CAPTURE_PC_LIMIT (UINT64_C(1) << 62)

/* One distinct stack of one cache.  It never moves, lives as long as the cache, and doesn't change
 * but for `data`. */
struct capture_entry {
    uint32_t count;      /* of pcs, at least 1 */
    uint32_t truncated;  /* 1: there are more frames that couldn't be found or exceed the depth */
    uint32_t generation; /* when it was first seen: the process' count of unloaded libraries */
    uint32_t modules;    /* hash of the files that the pcs were in: of two libraries that were at
                          * one address, one after the other, each has its own entries */
    void *data;          /* the owner's; NULL at first */
    uint64_t pcs[];      /* [0]: the return address of the allocator call, then outwards */
};

/* How a stack gets from an inner to an outer frame. */
enum capture_path {
    CAPTURE_PATH_NONE,        /* it doesn't: it ends without the outer one */
    CAPTURE_PATH_CALLS,       /* by calls only */
    CAPTURE_PATH_INTERRUPTED, /* a signal handler came in between */
    CAPTURE_PATH_UNKNOWN      /* by calls, as far as frames can be found */
};

#endif
