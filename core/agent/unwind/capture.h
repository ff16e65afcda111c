/* The call stack of an allocation, found again by comparing instead of unwinding.
 *
 * What an unwinder finds depends on the return address, the stack pointer, the frame pointer, the
 * cells of the stack that it reads, and the code's call frame information.  So each distinct walk
 * is kept with the cells that it read, in the order of reading.  A later stack whose cells are
 * equal is the same stack: nothing was compared that a fresh walk wouldn't read, and nothing that
 * it would read was left out.
 *
 * A cache belongs to one thread at a time and takes no locks.  It is not reentrant: a signal
 * handler must not capture with a cache in the middle of a capture.  errno is left alone; memory
 * comes from memory.h only.  x86-64.
 *
 * Stacks are those of _Unwind_Backtrace, for code with an .eh_frame_hdr that has a search table. Of
 * other code the debugger is asked (cfi_told.h), and in code made at run time frame pointers are
 * followed where they can be believed (../platform/frame_code.h).  Elsewhere a stack ends, marked
 * truncated, and it does so until the next capture_code_unloaded() even if a library with frame
 * information gets loaded at that address. */
#ifndef TMPALLOC_AGENT_CAPTURE_H
#define TMPALLOC_AGENT_CAPTURE_H

#include "agent/unwind/capture_entry.h"

struct capture_cache;

/* TMPALLOC_OK, or TMPALLOC_E_NOMEM with *ret untouched. */
int capture_cache_init(struct capture_cache **ret);
/* The thread that used the cache is gone, or stops using it.  Another one may have it; all entries
 * stay valid and are found again. */
void capture_cache_forget(struct capture_cache *cache);
/* Releases the cache and its entries; NULL is fine. */
void capture_cache_destroy(struct capture_cache *cache);

/* The stack of a hook's caller.  return_slot: address of the stack cell with the hook's return
 * address; frame_pointer: as the caller has it.  NULL: there is no memory for a stack that
 * wasn't seen before; known ones are still found. */
struct capture_entry *capture_stack(struct capture_cache *cache, uintptr_t return_slot,
                                    uintptr_t frame_pointer);

/* How the stack, of the same arguments, gets out to the stack cell with an outer frame's return
 * address. */
enum capture_path capture_path(struct capture_cache *cache, uintptr_t return_slot,
                               uintptr_t frame_pointer, uintptr_t outer_slot);

/* For each frame of the stack that capture_stack() found last, with the same arguments, the stack
 * pointer of the next one outwards: an array of *count_ret, the cache's until its next use. */
const uintptr_t *capture_bounds(struct capture_cache *cache, uintptr_t return_slot,
                                uintptr_t frame_pointer, size_t *count_ret);

/* Frames kept per stack, 1..CAPTURE_DEPTH_LIMIT (the default); for caches created afterwards. */
void capture_set_depth(uint32_t frames);

/* To be called when dlclose() has returned: whatever is known about code that was unloaded is
 * forgotten by all caches at their next capture.  Takes ld.so's lock, as dlclose() did. */
void capture_code_unloaded(void);

/* Stacks walked anew since the cache was created, for tests and statistics. */
uint64_t capture_walks(const struct capture_cache *cache);

#endif
