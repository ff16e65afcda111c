/* Pages of memory, as far as they are the same everywhere. */
#ifndef TMPALLOC_PAGE_H
#define TMPALLOC_PAGE_H

#include <stdint.h>

/* No page is smaller, on any processor that is known here: memory goes on at least up to the next
 * multiple of this. */
#define PAGE_BYTES ((uintptr_t)4096)

#endif
