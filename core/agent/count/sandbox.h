/* Whether the process has entered a sandbox, in which a system call may be its end.
 *
 * From then on the agent makes none: memory was mapped ahead, the debugger is taken to be there,
 * and what the kernel had to be asked is judged by what the thread is known to have. */
#ifndef TMPALLOC_AGENT_SANDBOX_H
#define TMPALLOC_AGENT_SANDBOX_H

#include "agent/system/sandbox_state.h"

/* Before a call that may enter one, and when it has failed. */
void sandbox_begin(void);
void sandbox_take_back(void);

/* One may be entered without such a call. */
void sandbox_expect(void);

#endif
