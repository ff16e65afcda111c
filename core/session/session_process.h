/* What becomes of the process: events of the debugger, and hits of breakpoints. */
#ifndef TMPALLOC_SESSION_PROCESS_H
#define TMPALLOC_SESSION_PROCESS_H

#include "session/session.h"

/* Called by the adapter; see tmpalloc.h. */
int session_event(struct session *session, tmpalloc_event event, struct error *error);
int session_hit(struct session *session, uint64_t id);

/* Before a command: notices a process that went away without an event. */
void session_poll(struct session *session);

#endif
