/* Functions that allocate, by name alone. */
#ifndef TMPALLOC_ALLOCATOR_NAMES_H
#define TMPALLOC_ALLOCATOR_NAMES_H

#include <stdbool.h>

/* The malloc family with glibc's aliases, global operator new and delete, the allocators of the
 * standard libraries of C++ and Rust and of CPython, the entry points of jemalloc, tcmalloc and
 * mimalloc, and what programs and libraries wrap around them.  NULL is none. */
bool allocator_names_contain(const char *function);

#endif
