/* Results that lie in a core file. */
#ifndef TMPALLOC_SESSION_CORE_H
#define TMPALLOC_SESSION_CORE_H

#include "session/session.h"

/* Takes the results out of a core file that the debugger looks at, once; without a core file
 * nothing is known of it any more. */
void session_look_at_core(struct session *session, const struct tmpalloc_process *process);

#endif
