/* Mappings, straight from the kernel: libc's functions may be hooked, or be the code that is being
 * changed, and set errno. */
#ifndef TMPALLOC_AGENT_KERNEL_MEMORY_H
#define TMPALLOC_AGENT_KERNEL_MEMORY_H

#include <stdbool.h>
#include <stddef.h>

/* Fresh zeroed pages, private, readable and writable; NULL: there is no memory. */
void *kernel_map(size_t size_bytes);
/* The same at this address, a multiple of the page size; NULL also when that isn't free. */
void *kernel_map_at(void *address, size_t size_bytes);
void kernel_unmap(void *address, size_t size_bytes);

/* Gives the pages from `address` on this protection (PROT_*).  False: the kernel refuses. */
bool kernel_protect(void *address, size_t size_bytes, int protection);

/* Copies bytes to pages that have this protection, and again afterwards; in between they can be
 * written to.  Bytes within an aligned eight change at once.  False: the kernel refuses, and
 * nothing was copied. */
bool kernel_write(void *address, const void *bytes, size_t size_bytes, int protection);

#endif
