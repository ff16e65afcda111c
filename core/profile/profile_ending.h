/* How a process ended, and what its results are worth for a verdict. */
#ifndef TMPALLOC_PROFILE_ENDING_H
#define TMPALLOC_PROFILE_ENDING_H

#include <stdbool.h>
#include <stdint.h>

#include "support/text.h"

struct profile_ending {
    enum {
        ENDING_UNKNOWN, /* it hasn't, it was let go, or nobody told */
        ENDING_EXITED,
        ENDING_SIGNALED,
        ENDING_STOPPED, /* by a signal that ends it if it isn't handled */
        ENDING_EXECED   /* what it was went on as another program */
    } how;
    int32_t number; /* its exit status, or the signal */
    int64_t pid;
};

/* Whether the default action of a signal is to dump core because of a fault of the program's:
 * nobody handles these by going on as if nothing had been. */
bool profile_is_fatal(int32_t signal);

/* In the order of how bad they are. */
enum profile_worth {
    WORTH_SOUND,
    WORTH_EXITED,  /* with a status that isn't 0: whether that matters is for the user to say */
    WORTH_PARTIAL, /* they can exceed limits, but not prove that these are kept */
    WORTH_NOTHING  /* they are of another program than the process' last one */
};

/* incomplete: the process went on after its results were read. */
enum profile_worth profile_ending_worth(const struct profile_ending *ending, bool incomplete);
/* Appends why they aren't sound. */
void profile_ending_append(const struct profile_ending *ending, bool incomplete, struct text *text);

#endif
