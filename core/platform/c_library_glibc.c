#include <stddef.h>

#include "platform/c_libraries.h"

static const char *const linkers[] = {"ld-linux", "ld64", NULL};
static const char *const exits[] = {"_exit", "execve", "execveat", "fexecve", NULL};

/* A symbolizer may pick any name of an address. */
static const char *const allocator_prefixes[] = {"__GI___libc_", "__GI___", "__GI_",
                                                 "__libc_",      "__",      NULL};
static const char *const function_prefixes[] = {"__GI___", "__GI_", "__libc_", "_IO_new_",
                                                "_IO_",    "___",   "__",      NULL};

const struct c_library c_library_glibc = {
    .soname = "libc.so.6",
    .linkers = linkers,
    .exits = exits,
    .allocator_prefixes = allocator_prefixes,
    .function_prefixes = function_prefixes,
    .hidden_prefix = "__GI_", /* malloc is __GI___libc_malloc to glibc */
    .internal_bytes = 20480,  /* of malloc.o, 2.36 to 2.41; those before it wait, for semaphores */
    .direct_calls_are_internal = true,
};
