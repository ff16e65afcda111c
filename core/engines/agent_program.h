/* Whether a program can take the agent. */
#ifndef TMPALLOC_AGENT_PROGRAM_H
#define TMPALLOC_AGENT_PROGRAM_H

#include <stdbool.h>

#include "debugger/host.h"
#include "support/text.h"

/* Whether something is known against loading the agent into a program; `reason` then gets a phrase
 * for the user.  Of the file: another architecture, a static executable, a dynamic linker other
 * than that of glibc 2.35 or newer, set-user-id, a sanitizer's runtime, libraries that look on.
 * Nothing is known of a file that can't be read.  Of the environment, which is that of the next
 * start where no process is: variables that make somebody tell which files are loaded, or who
 * allocates. */
bool agent_program_refused(struct host *host, const struct tmpalloc_process *process,
                           struct text *reason);

#endif
