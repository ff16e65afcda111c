/* The CPython runtime of this process, and which of its thread states the calling thread has.
 *
 * No locks, no allocation, errno as it was. */
#ifndef TMPALLOC_AGENT_PYTHON_HERE_H
#define TMPALLOC_AGENT_PYTHON_HERE_H

#include "cpython/python_frames.h"

/* What a thread remembers between two looks; all zeros at first, and again whenever events may have
 * been missed since. */
struct python_self {
    uintptr_t foreign; /* a state that was another thread's */
};

/* Looks for a runtime among the symbols that `find` finds, by name; 0: there is none.  One that was
 * found stays.  Takes ld.so's lock. */
enum python_answer python_here_find(uintptr_t (*find)(const char *symbol));

/* NULL: none was found. */
const struct python_runtime *python_here(void);
/* Its PyCode_Type. */
uintptr_t python_here_code_type(void);

/* The code of its evaluation loop; both 0: not known. */
struct python_loop_code {
    uintptr_t start;
    uintptr_t end;
};
struct python_loop_code python_here_loop_code(void);

/* The state whose frames the calling thread runs, whether or not it holds the GIL; 0: none. */
uintptr_t python_here_thread(struct python_self *self);

#endif
