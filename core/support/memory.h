/* Memory of the library itself.
 *
 * Every allocation of the core goes through these functions, so that tests can make the i-th one
 * fail, and so that the agent can bring its own source (it must not call the debuggee's malloc):
 * memory_libc.c here, memory_mmap.c there. */
#ifndef TMPALLOC_MEMORY_H
#define TMPALLOC_MEMORY_H

#include <stddef.h>
#include <stdint.h>

/* All return NULL when memory is exhausted or a size overflows; the old block then stays valid. */
void *memory_allocate(size_t size_bytes);
void *memory_allocate_zeroed(size_t count, size_t size_bytes);
void *memory_resize(void *block, size_t count, size_t size_bytes);
char *memory_copy_string(const char *string);
void memory_release(void *block);

/* Bytes obtained and not yet released. */
size_t memory_in_use(void);

/* Testing: the countdown-th allocation from now fails (1: the next one), and only that one;
 * 0 switches it off.  Returns what was left of the countdown before, 0 when it had failed one. */
uint64_t memory_fail_after(uint64_t countdown);

/* Makes room for at least `needed` elements in an array, a pointer of any type, doubling *capacity.
 * TMPALLOC_OK, or TMPALLOC_E_NOMEM with the array as it was. */
#define MEMORY_RESERVE(items, capacity, needed)                                                    \
    memory_reserve(&(items), capacity, needed, sizeof *(items))
/* The same with the pointer's address, and the size of what it points to. */
int memory_reserve(void *array, size_t *capacity, size_t needed, size_t element_bytes);

#endif
