/* What the agent in the debuggee counts, as the core reads it from the debuggee's memory.
 *
 * This header is the contract between libtmpalloc-agent.so and the core's reader; nobody else
 * includes it.  AGENT_IMAGE_VERSION grows by one whenever a struct below, the meaning of a field or
 * an exported function changes; the reader refuses other versions with one line.
 *
 * The library exports one data symbol, `tmpalloc_agent_image`, an anchor.  It leads to the image,
 * which is a mapping of its own and begins with an equal anchor, so that the image is found as well
 * in a core file whose library is stripped or gone: as the mapping that begins with the magic.
 *
 * Lists are linked by addresses, 0 ends them.  An element is complete before a link to it is stored
 * and neither moves nor vanishes; new ones are put in front.  Counters have one writer, the thread,
 * and are exact whenever the process is stopped outside the agent.  All numbers are in the
 * debuggee's byte order; only little-endian 64-bit machines have an agent. */
#ifndef TMPALLOC_AGENT_IMAGE_H
#define TMPALLOC_AGENT_IMAGE_H

#include <stddef.h>
#include <stdint.h>

#define AGENT_IMAGE_VERSION     1
#define AGENT_IMAGE_MAGIC       "tmpalloc-agent\x1a" /* 16 bytes with its NUL */
#define AGENT_IMAGE_MAGIC_BYTES 16

/* Most kinds of entry points, e.g. malloc and calloc. */
#define AGENT_ENTRY_POINTS_LIMIT 32

/* Most frames of a stack. */
#define AGENT_STACK_LIMIT 1024

/* As many distinct free stacks are kept per site. */
#define AGENT_FREE_STACKS 4

/* Set in a pc of a stack: execution was interrupted exactly there by a signal.  All others are
 * return addresses. */
#define AGENT_PC_EXACT (UINT64_C(1) << 63)

struct agent_image_anchor {
    char magic[AGENT_IMAGE_MAGIC_BYTES];
    uint32_t version;
    uint32_t image_bytes; /* size of struct agent_image */
    uint64_t image;       /* address of struct agent_image; 0: not set up yet */
};

struct agent_image {
    struct agent_image_anchor anchor;
    uint32_t thread_bytes; /* sizes of the structs below, without arrays at their ends */
    uint32_t site_bytes;
    uint32_t stack_bytes;
    uint32_t max_threshold;
    int64_t pid; /* of the process that writes here */
    /* Changes with every start, stop and reset; odd: tracking is on.  What a window holds from
     * before the latest start is void. */
    uint64_t generation;
    uint64_t reset_generation; /* the generation that the latest reset began */
    uint64_t first_thread;     /* struct agent_thread */
    uint64_t dropped;          /* events that no thread's record could count */
    uint64_t memory_bytes;     /* that the agent has obtained */
    uint64_t memory_limit_bytes;
    uint32_t entry_point_count;
    uint32_t reserved;
    uint64_t entry_points[AGENT_ENTRY_POINTS_LIMIT]; /* addresses of the allocator's functions; 0:
                                                        not there */
};

/* One thread at a time writes to a record; its counters are sums over all that did. */
struct agent_thread {
    uint64_t next;       /* struct agent_thread */
    uint64_t first_site; /* struct agent_site */
    uint64_t generation; /* of the image, when the thread last looked */
    /* Below the image's: all counters of the thread and its sites were reset, whatever they say. */
    uint64_t reset_generation;
    int64_t tid; /* of the latest thread */
    uint64_t allocations;
    uint64_t allocated_bytes;
    uint64_t deallocations;
    uint64_t cross_thread_frees;
    uint64_t dropped;
};

struct agent_distance {
    uint64_t count;
    uint64_t bytes;
};

/* Which threads allocated at a site. */
struct agent_site_thread {
    uint64_t next; /* struct agent_site_thread */
    int64_t tid;
};

/* One thread record's allocations with one call stack through one entry point. */
struct agent_site {
    uint64_t next;        /* struct agent_site */
    uint64_t stack;       /* struct agent_stack */
    uint64_t threads;     /* struct agent_site_thread */
    uint32_t entry_point; /* index in entry_points */
    uint32_t free_stack_count;
    uint64_t free_stacks[AGENT_FREE_STACKS]; /* struct agent_stack, of the site's temporaries */
    uint32_t free_entry_points[AGENT_FREE_STACKS];
    uint64_t allocations;
    uint64_t allocated_bytes;
    uint64_t min_size;
    uint64_t max_size;
    uint64_t larger; /* than the same thread's previous block of the site */
    uint64_t equal;  /* as large as it */
    uint64_t by_realloc;
    /* The agent's own, to continue the above. */
    uint64_t previous_size;
    uint64_t visit; /* which thread allocated here last, and since which reset */
    uint64_t free_return_address;
    uint64_t free_return_slot;
    uint64_t same_stack;                 /* struct agent_site with another entry point */
    struct agent_distance by_distance[]; /* max_threshold + 1 */
};

/* A call stack. */
struct agent_stack {
    uint32_t count;
    uint32_t truncated;  /* 1: it goes on outwards, but nothing is known of that */
    uint32_t generation; /* how often files had been unloaded when it was first seen */
    uint32_t modules;    /* hash of the files that the pcs were in */
    uint64_t owner;      /* the agent's own */
    uint64_t pcs[]; /* pcs[0] is the return address of the allocator call, the outermost is last */
};

#define AGENT_IMAGE_LAYOUT(structure, size, last, offset)                                          \
    _Static_assert(sizeof(struct structure) == (size) &&                                           \
                       offsetof(struct structure, last) == (offset),                               \
                   #structure " is part of the contract")

AGENT_IMAGE_LAYOUT(agent_image_anchor, 32, image, 24);
AGENT_IMAGE_LAYOUT(agent_image, 368, entry_points, 112);
AGENT_IMAGE_LAYOUT(agent_thread, 80, dropped, 72);
AGENT_IMAGE_LAYOUT(agent_distance, 16, bytes, 8);
AGENT_IMAGE_LAYOUT(agent_site_thread, 16, tid, 8);
AGENT_IMAGE_LAYOUT(agent_site, 176, by_distance, 176);
AGENT_IMAGE_LAYOUT(agent_stack, 24, pcs, 24);

/* Functions that the library exports for calls by the debugger; 0 is success, else a negative
 * tmpalloc_status.  They take no lock, so other threads may be stopped anywhere.
 *
 * start: tracking is on from now on, with empty windows; counters go on.  TMPALLOC_E_NOMEM: the
 * agent could not set itself up.
 * stop: tracking is off; every call goes straight through.
 * reset: counters are zero and windows empty from now on; it tracks as before. */
#define AGENT_START_SYMBOL "tmpalloc_agent_start"
#define AGENT_STOP_SYMBOL  "tmpalloc_agent_stop"
#define AGENT_RESET_SYMBOL "tmpalloc_agent_reset"

/* The environment variable that the library reads when it is preloaded, and removes together with
 * itself: words separated by commas, in any order, unknown ones are ignored.
 *     start                 tracking is on before the first library constructor
 *     max-threshold=N       default AGENT_DEFAULT_MAX_THRESHOLD
 *     memory-limit=BYTES    default AGENT_DEFAULT_MEMORY_LIMIT */
#define AGENT_ENVIRONMENT           "TMPALLOC_AGENT"
#define AGENT_DEFAULT_MAX_THRESHOLD 16
#define AGENT_DEFAULT_MEMORY_LIMIT  (UINT64_C(64) << 20)

#endif
