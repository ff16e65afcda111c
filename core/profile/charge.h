/* Who is charged for a call stack: the innermost frame that is neither an allocator nor a
 * language's own library, or the innermost Python function where there is one.
 *
 * A frame has the first of these kinds that fits: an allocator by its name; a library's by the name
 * of its module, by the folder of its source file, or, where debug information names no file, by
 * the function's own name.  So a program is charged alike with debug information and without. */
#ifndef TMPALLOC_CHARGE_H
#define TMPALLOC_CHARGE_H

#include "names/symbolizer.h"

/* The one with the largest kind is charged, of several the innermost. */
enum charge_kind {
    CHARGE_NONE, /* code of no file, a signal's return; an allocator */
    CHARGE_LIBRARY,
    CHARGE_CALLER,
    CHARGE_PYTHON,
};

/* `executable` (NULL: unknown) is the program's main file, which may contain a C library.
 * `incomplete`: files of the process are not known, so code that seems to be of none may be theirs.
 */
enum charge_kind charge_kind_of(const struct symbol *symbol, const char *executable,
                                bool incomplete);

#endif
