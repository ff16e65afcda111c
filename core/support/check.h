/* What holds as long as the code is right.
 *
 * An invariant that is broken ends the work that met it by an error, not by undefined behaviour:
 * whoever debugs a program with us can go on.  Where we are the ones who debug it aborts, so that
 * it is met at once: in builds for debugging, and where a test says so.  What the debuggee, a file
 * or the user may have got wrong is no matter of this. */
#ifndef TMPALLOC_CHECK_H
#define TMPALLOC_CHECK_H

#include <stdbool.h>

#include "support/error.h"

/* TMPALLOC_OK, or TMPALLOC_E_INTERNAL with a line in `error`, which is told at once when that is
 * NULL.  Costs a predictable branch. */
#define CHECK(condition, error)                                                                    \
    (__builtin_expect(!(condition), 0) ? check_failed((error), #condition, __FILE__, __LINE__)     \
                                       : TMPALLOC_OK)

/* What is done instead of an error; the agent in a debuggee has no such choice at run time. */
extern bool check_aborts;

int check_failed(struct error *error, const char *condition, const char *file, int line)
    __attribute__((cold, noinline));

#endif
