/* The agent's library as a file, and whether a program can take it. */
#ifndef TMPALLOC_AGENT_FILE_H
#define TMPALLOC_AGENT_FILE_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

#include "support/error.h"

/* Its DT_SONAME. */
#define AGENT_FILE_SONAME "libtmpalloc-agent.so"

struct agent_file {
    char path[PATH_MAX]; /* as LD_PRELOAD and dlopen() take it: no blank and no colon */
    int folder;          /* open for the path's sake as long as processes are to load it; or -1 */
};

/* Finds the library beside this one.  TMPALLOC_OK, or TMPALLOC_E_UNSUPPORTED when it isn't there or
 * has no usable path. */
int agent_file_open(struct agent_file *file, struct error *error);
void agent_file_close(struct agent_file *file);

#endif
