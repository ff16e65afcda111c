/* Call stacks of CPython processes, with Python frames at their places among the native ones.
 *
 * The Python frames that one call of the evaluation loop runs stand directly before its native
 * frame.  Where CPython keeps a struct in that call's C stack frame (3.10 to 3.12) its address
 * tells the call; else the calls of _PyEval_EvalFrameDefault are counted from the innermost one
 * out.
 *
 * Names, files and lines are copied when a code object is first seen.  One that has died, with
 * another of the same strings, line table and first line at its address, is taken for it. */
#ifndef TMPALLOC_INTERPRETED_STACKS_H
#define TMPALLOC_INTERPRETED_STACKS_H

#include "cpython/object_allocator_tables.h"
#include "names/symbolizer.h"
#include "unwind/unwinder.h"

struct interpreted_stacks;

/* All outlive it.  TMPALLOC_OK or TMPALLOC_E_NOMEM. */
int interpreted_stacks_create(struct host *host, struct modules *modules, struct stacks *stacks,
                              struct symbolizer *symbolizer, struct interpreted_stacks **ret);
void interpreted_stacks_destroy(struct interpreted_stacks *python); /* NULL is allowed */

/* Looks for a CPython runtime among the loaded files, until it has found one.  *version_ret: its
 * version as 0x030b for 3.11; 0: unknown. */
enum python_answer interpreted_stacks_refresh(struct interpreted_stacks *python,
                                              uint32_t *version_ret);

/* The tables of its object allocator.  TMPALLOC_E_STATE: there is no CPython;
 * TMPALLOC_E_UNSUPPORTED: it isn't known. */
int interpreted_stacks_object_allocator(struct interpreted_stacks *python,
                                        struct object_allocator_tables *ret, struct error *error);

/* The stack of the current, stopped thread with this id, captured at this stack pointer, with its
 * Python frames; without any it is the captured one.  Memory that can't be read leaves frames out.
 * TMPALLOC_OK or TMPALLOC_E_NOMEM. */
int interpreted_stacks_merge(struct interpreted_stacks *python, int64_t tid, uint64_t stack_pointer,
                             const struct capture *capture, uint32_t *ret);

/* The file with the runtime, whose own native frames a reader of Python doesn't need;
 * FRAME_NO_MODULE: there is none. */
uint32_t interpreted_stacks_runtime_module(struct modules *modules);

#endif
