/* What a C library means to whoever looks at a process from outside.
 *
 * A struct for each, all of them in every core: which one counts is told by the loaded files.
 * What the agent needs of its own process is in agent/system. */
#ifndef TMPALLOC_C_LIBRARIES_H
#define TMPALLOC_C_LIBRARIES_H

#include <stdbool.h>
#include <stdint.h>

/* Lists end with NULL. */
struct c_library {
    const char *soname;         /* of the file with malloc() */
    const char *const *linkers; /* how the sonames of its dynamic linkers begin */

    /* Functions by which a process ends (the first one) or executes another program. */
    const char *const *exits;

    /* How functions are called inside, besides their own names: before those of the allocator, and
     * before any that isn't meant for programs.  hidden: before those that debug information has
     * for copies which nobody else can call; NULL: there are none. */
    const char *const *allocator_prefixes;
    const char *const *function_prefixes;
    const char *hidden_prefix;

    /* The allocator's internal functions, which run without an exported one on the stack when that
     * one left by a jump, lie within so many bytes before the first exported one. */
    uint32_t internal_bytes;

    /* It calls its own allocator for the program through the linkage table, so that it can be
     * replaced.  A direct call within it is housekeeping (at thread exit it returns cached blocks,
     * which the program has freed before, by calling free), and no event. */
    bool direct_calls_are_internal;
};

extern const struct c_library c_library_glibc;

/* The one whose file has this soname; NULL: none has. */
const struct c_library *c_libraries_find(const char *soname);
/* Whether a file with this soname is the dynamic linker of one, which has an allocator for itself.
 */
bool c_libraries_link(const char *soname);
/* Where nothing tells which one it is: in static executables, and of names in saved results. */
const struct c_library *c_libraries_usual(void);

#endif
