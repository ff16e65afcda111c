/* Whether a program may enter a sandbox by system calls of its own, which no hook sees. */
#ifndef TMPALLOC_AGENT_SANDBOX_CODE_H
#define TMPALLOC_AGENT_SANDBOX_CODE_H

#include <stdbool.h>

/* The executable, or a library of its own, has both a system call instruction and a number with
 * which one enters, moved to where it may become the call's.  Other numbers may be found by chance,
 * and what is computed isn't found. */
bool sandbox_code_found(void);

#endif
