/* CPython's function tables: all calls of its object allocator go through them.
 *
 * Since 3.4 (Include/cpython/pymem.h, PyMemAllocatorEx) PyMem_Malloc() and its kin and
 * PyObject_Malloc() and its kin call what is in a table each, with the table's first word as the
 * first argument. Callers within the interpreter have those functions inlined, and with
 * profile-guided optimization even what is in the table, behind a check that it still is.  So
 * whoever changes the tables sees every call.  (The third table, PyMem_RawMalloc()'s, leads to
 * malloc.)
 *
 * Neither the tables' symbols nor their places are public: before 3.12 they are static variables
 * (Objects/obmalloc.c), then part of _PyRuntime (pycore_runtime.h).  They are found by what
 * PyMem_Malloc() and PyObject_Malloc() load from.  Needs no symbols but exported ones, and a
 * processor whose code is read. */
#ifndef TMPALLOC_OBJECT_ALLOCATOR_TABLES_H
#define TMPALLOC_OBJECT_ALLOCATOR_TABLES_H

#include "cpython/python_offsets.h"
#include "platform/processor.h"

/* PyMemAllocatorEx: void *ctx, then malloc(ctx, size), calloc(ctx, count, size), realloc(ctx,
 * block, size) and free(ctx, block). */
enum object_allocator_word {
    OBJECT_ALLOCATOR_CONTEXT,
    OBJECT_ALLOCATOR_MALLOC,
    OBJECT_ALLOCATOR_CALLOC,
    OBJECT_ALLOCATOR_REALLOC,
    OBJECT_ALLOCATOR_FREE,
    OBJECT_ALLOCATOR_WORDS
};

#define OBJECT_ALLOCATOR_TABLES 2

struct object_allocator_tables {
    uint64_t addresses[OBJECT_ALLOCATOR_TABLES];
    /* Of a word that is 0 as long as the interpreter's start may still write to the tables, as it
     * does for PYTHONMALLOC. */
    uint64_t settled;
};

/* False: they can't be found. */
bool object_allocator_tables_find(const struct processor *processor,
                                  const struct python_process *process,
                                  const struct python_runtime *runtime,
                                  struct object_allocator_tables *ret);

#endif
