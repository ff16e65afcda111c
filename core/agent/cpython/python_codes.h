/* The functions on Python stacks, and which code objects are theirs now.
 *
 * A code object may die and another one take its address, even with the same name, file and table
 * at the same addresses.  So the first time that one is looked up, PyCode_Type's tp_dealloc is
 * replaced: from then on each death of a known code object is counted before its memory is given
 * back.  What was found for an address holds while the count stays the same.
 *
 * For all threads of the process.  A lock is held in between for map look-ups and copies only. */
#ifndef TMPALLOC_AGENT_PYTHON_CODES_H
#define TMPALLOC_AGENT_PYTHON_CODES_H

#include <stdatomic.h>

#include "cpython/python_code.h"

extern atomic_ulong python_codes_dead;

/* Known code objects that died so far. */
static inline uint64_t python_codes_deaths(void) {
    return atomic_load_explicit(&python_codes_dead, memory_order_acquire);
}

/* What a code object is; equal ones are one record, which neither moves nor vanishes.  NULL: there
 * is no memory for it, or it is no code object.  *dying_ret: it is just dying on this thread, in a
 * frame that is being left, and another one may be there at any time. */
const struct python_code *python_codes_find(const struct python_process *process, uint64_t address,
                                            bool *dying_ret);

/* PyCode_Type becomes what CPython made it, and stays so until python_codes_watch(), after which
 * nothing that was found before holds any more.  Neither takes a lock. */
void python_codes_unwatch(void);
void python_codes_watch(void);

/* Around fork: nobody changes anything in between, unless it is false, see lock.h. */
bool python_codes_before_fork(void);
void python_codes_after_fork(void);

#endif
