/* The agent's library as a file, and whether a program can take it. */
#ifndef TMPALLOC_AGENT_FILE_H
#define TMPALLOC_AGENT_FILE_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

#include "error.h"

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

/* Whether something is known against loading the agent into this program: another architecture, a
 * static executable, set-user-id, a sanitizer's runtime.  `reason` then is a phrase for the user.
 * Nothing is known of a file that can't be read. */
bool agent_file_refused(const char *executable, char *reason, size_t reason_bytes);

/* Whether a DT_SONAME or DT_NEEDED is the runtime of a sanitizer that replaces the allocator. */
bool agent_file_is_sanitizer(const char *soname);

#endif
