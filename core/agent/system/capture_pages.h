/* Which memory can be read: asked of the kernel once per page and walk, so that wrong frame
 * information can't make the walk of a stack crash the program.  The main thread's stack can from
 * where the thread is outwards.  In a sandbox the kernel isn't asked, and what is not near the
 * thread's place on its stack can't be read. */
#ifndef TMPALLOC_AGENT_CAPTURE_PAGES_H
#define TMPALLOC_AGENT_CAPTURE_PAGES_H

#include <stdbool.h>
#include <stdint.h>

#define CAPTURE_PAGES 64

/* All zeros: nothing is known. */
struct capture_pages {
    uintptr_t stack;                /* a place on the calling thread's, if that is known */
    uintptr_t known[CAPTURE_PAGES]; /* each in its place */
};

/* Whether a place is on the stack that the calling thread has had from its start. */
bool capture_pages_on_own_stack(uintptr_t place);

/* Whether the eight bytes at an address, which are on one page, can be read. */
bool capture_pages_readable(struct capture_pages *pages, uintptr_t address);

#endif
