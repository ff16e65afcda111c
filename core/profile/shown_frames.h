/* Which frames of a recorded call stack are shown: in stacks with Python frames the interpreter's
 * own are left out, but for the entry point of the allocator. */
#ifndef TMPALLOC_SHOWN_FRAMES_H
#define TMPALLOC_SHOWN_FRAMES_H

#include "profile/profile.h"

/* Writes the symbols that are shown to `symbols`, which has room for all and can be the stack's
 * own; how many there are, at least 1.  interpreters: as in struct profile; NULL: all are shown. */
size_t shown_frames_choose(const char *const *interpreters, const struct profile_stack *recorded,
                           const struct symbol **symbols);

/* The place of the shown-th of these symbols in the recorded stack. */
size_t shown_frames_place(const char *const *interpreters, const struct profile_stack *recorded,
                          size_t shown);

#endif
