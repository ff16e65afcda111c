/* What the debugger told the agent through the environment. */
#ifndef TMPALLOC_ENVIRONMENT_H
#define TMPALLOC_ENVIRONMENT_H

#include <stdbool.h>
#include <stdint.h>

struct environment_options {
    bool start;
    uint32_t max_threshold;
    uint64_t memory_limit_bytes;
};

/* Takes the options, and both their variable and this library in LD_PRELOAD, out of `environ`, so
 * that neither the program nor its children see them.  False: there is no environment yet. */
bool environment_take(struct environment_options *ret);

#endif
