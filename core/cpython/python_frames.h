/* The Python frames of a thread, read from the process' memory.
 *
 * A Python frame is run by a C function, the evaluation loop (_PyEval_EvalFrameDefault).  Since
 * 3.11 one call of it runs a frame and all frames that this calls directly; before, each frame has
 * a call of its own.  The frame that a call of the loop was entered for is marked, so that Python
 * frames and native ones can be interleaved: all frames up to and including a marked one belong
 * where that call is on the native stack.  Since 3.10 an address within it is known, too.
 *
 * Nothing is trusted: lists that end nowhere or in themselves are cut.  Each read asks for exactly
 * what the result depends on, so that whoever sees the reads knows when the result is still the
 * same; the reader is expected to be cheap, or to read more at once and keep it.  Compiled into the
 * agent as well; no allocation. */
#ifndef TMPALLOC_PYTHON_FRAMES_H
#define TMPALLOC_PYTHON_FRAMES_H

#include "cpython/python_offsets.h"

struct python_frame {
    uint64_t address;    /* of CPython's own frame: the same while the function runs */
    uint64_t code;       /* of the code object, which is alive now */
    int32_t instruction; /* bytes from the start of the code; negative: it hasn't begun */
    bool is_entry;       /* the next frame belongs to another call of the evaluation loop */
    uint64_t loop;       /* of an entry: an address in the C stack frame of that call; 0: unknown */
};

struct python_thread_id {
    int64_t tid;      /* as the thread itself sees it; 0: unknown */
    uint64_t pthread; /* pthread_self(): of the processor's thread_pointer; 0: unknown.  Where it
                       * is known it decides, being right in other pid namespaces as well. */
};

/* The state of a thread; 0: it has none, or none that can be read.  Of several, those of different
 * interpreters that call each other, it is the one whose frames are innermost.  Before 3.11 the
 * pthread must be known. */
uint64_t python_thread_find(const struct python_process *process,
                            const struct python_runtime *runtime,
                            const struct python_thread_id *id);

/* The frames of a thread state, innermost first, at most `limit`.  Returns their number;
 * *truncated_ret: there are more, or memory can't be read. */
size_t python_frames_list(const struct python_process *process,
                          const struct python_runtime *runtime, uint64_t thread,
                          struct python_frame *frames, size_t limit, bool *truncated_ret);

#endif
