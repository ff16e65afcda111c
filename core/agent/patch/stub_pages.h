/* Pages of stubs: small pieces of code near what they belong to. */
#ifndef TMPALLOC_AGENT_STUB_PAGES_H
#define TMPALLOC_AGENT_STUB_PAGES_H

#include <stdbool.h>
#include <stdint.h>

#define STUB_BYTES 64

/* A place for a stub within 1 GB of `near`, which is in a file from `start` up to `end`; 0: there
 * is none, or no memory.  Its page can't be written to any more, but for kernel_write(), and is
 * kept for ever. */
uintptr_t stub_pages_take(uintptr_t near, uintptr_t start, uintptr_t end);

/* The same at an address; the caller knows that no stub is there.  False: something else is. */
bool stub_pages_take_at(uintptr_t stub);

/* Undoes the latest stub_pages_take(). */
void stub_pages_give_back(uintptr_t stub);

#endif
