/* The CPython runtime of this process, and which of its thread states the calling thread has.
 *
 * No locks, no allocation, errno as it was. */
#ifndef TMPALLOC_AGENT_PYTHON_HERE_H
#define TMPALLOC_AGENT_PYTHON_HERE_H

#include "../python_frames.h"

/* What a thread remembers between two looks; all zeros at first, and again whenever events may have
 * been missed since. */
struct python_self {
    uintptr_t foreign; /* a state that was another thread's */
};

/* Looks for a runtime among the symbols of `handle`, as dlsym() takes it.  One that was found
 * stays. To be called where dlsym() may be called. */
enum python_answer python_here_find(void *handle);

/* NULL: none was found. */
const struct python_runtime *python_here(void);
/* Its PyCode_Type. */
uintptr_t python_here_code_type(void);

/* The state whose frames the calling thread runs, whether or not it holds the GIL; 0: none. */
uintptr_t python_here_thread(struct python_self *self);

#endif
