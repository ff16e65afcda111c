/* A temporary at which the program was stopped, as text. */
#ifndef TMPALLOC_REPORT_CAUGHT_H
#define TMPALLOC_REPORT_CAUGHT_H

#include "profile/profile.h"
#include "support/text.h"

/* An allocation between the temporary's own and its free. */
struct report_between {
    uint64_t size_bytes;
    const struct symbol *location; /* NULL: unknown */
};

struct report_caught {
    const char *catches; /* "catch 1", "catches 1, 3" */
    uint64_t address;
    uint64_t size_bytes;
    uint64_t distance;
    uint32_t site; /* 0: unknown */
    const struct profile_stack *stack;
    const struct symbol *free_location; /* NULL: unknown */
    const struct report_between *between;
    uint32_t between_count; /* at most distance */
};

/* Appends "tmpalloc: catch 1: ..." and the lines that tell more, without a newline at the end. */
void report_caught(const struct report_caught *caught, struct text *text);

#endif
