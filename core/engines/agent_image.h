/* Reads what the agent in the debuggee counted.
 *
 * The memory may be a core file's, which is untrusted: every address, number and link is checked,
 * and the time and memory spent are bounded by the bytes that the image refers to. */
#ifndef TMPALLOC_CORE_AGENT_IMAGE_H
#define TMPALLOC_CORE_AGENT_IMAGE_H

#include "engines/agent_image_memory.h"
#include "engines/engine_catches.h"
#include "support/error.h"
#include "tables/snapshot.h"
#include "tables/stacks.h"

struct agent_image_facts {
    int64_t pid;         /* of the process that counted */
    bool tracking;       /* it goes on doing so when the process runs */
    const char *sandbox; /* the user is told of it; a static string, NULL: there is none */
    bool refused;        /* agent_image_is_refused() */
    bool limited;        /* it has no memory for more call stacks, and some were cut for that */
    uint64_t memory_bytes;
    uint64_t memory_limit_bytes;
};

struct agent_image;

/* Whether calls of malloc or free don't reach the agent: they can't be hooked. */
bool agent_image_is_refused(const struct agent_image *image);

/* Sums the image over all threads, into the same snapshot as a tracker's.  `address` is that of the
 * symbol `tmpalloc_agent_image` or of the mapping that begins with the magic.  Stacks are added to
 * `stacks`, beginning with the allocator's entry point as those of the other engines do; the sums
 * of one image with the same `stacks` can be subtracted from each other.
 *
 * On success the caller owns *ret (snapshot_deinit()).  Else *ret and *facts_ret are
 * untouched: TMPALLOC_E_STATE when the agent has not set itself up yet, or not again in a child,
 * TMPALLOC_E_UNSUPPORTED when it speaks another version, TMPALLOC_E_HOST when memory can't be read
 * or holds no such image, and TMPALLOC_E_NOMEM. */
int agent_image_read(const struct agent_image_source *source, uint64_t address,
                     struct stacks *stacks, struct agent_image_facts *facts_ret,
                     struct snapshot *ret, struct error *error);

/* What a struct agent_caught at an address says of a temporary; the rest is as above. */
int agent_image_read_caught(const struct agent_image_source *source, uint64_t address,
                            uint64_t caught, struct stacks *stacks, struct engine_caught *ret,
                            struct error *error);

/* Calls emit(arg, address, visit) for each struct agent_site with this stack until one returns
 * another status than TMPALLOC_OK, which is then the answer; the rest is as above. */
int agent_image_find_sites(const struct agent_image_source *source, uint64_t address,
                           struct stacks *stacks, uint32_t stack,
                           int (*emit)(void *arg, uint64_t site, uint64_t visit), void *arg,
                           struct error *error);

/* The number in `stacks` of the call stack of a struct agent_site. */
int agent_image_read_site(const struct agent_image_source *source, uint64_t address, uint64_t site,
                          struct stacks *stacks, uint32_t *stack_ret, struct error *error);

#endif
