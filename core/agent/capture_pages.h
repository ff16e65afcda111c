/* Which memory can be read: asked of the kernel once per page and walk, so that wrong frame
 * information can't make the walk of a stack crash the program. */
#ifndef TMPALLOC_AGENT_CAPTURE_PAGES_H
#define TMPALLOC_AGENT_CAPTURE_PAGES_H

#include <stdbool.h>
#include <stdint.h>

#define CAPTURE_PAGES 64

/* All zeros: nothing is known. */
struct capture_pages {
    uintptr_t known[CAPTURE_PAGES]; /* each in its place */
};

/* Whether the eight bytes at an address, which are on one page, can be read. */
bool capture_pages_readable(struct capture_pages *pages, uintptr_t address);

#endif
