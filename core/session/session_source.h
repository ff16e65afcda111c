/* Whether the results are of what the debugger has selected. */
#ifndef TMPALLOC_SESSION_SOURCE_H
#define TMPALLOC_SESSION_SOURCE_H

#include "session/session.h"

/* Notes whether the results came from what is selected; to be told once, with the results. */
void session_compare_source(struct session *session, const struct tmpalloc_process *process);
void session_tell_source(struct session *session);

#endif
