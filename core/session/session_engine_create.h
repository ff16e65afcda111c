/* Which engine a session uses, how it comes to be, and its end. */
#ifndef TMPALLOC_SESSION_ENGINE_CREATE_H
#define TMPALLOC_SESSION_ENGINE_CREATE_H

#include "session/session.h"

/* Settles which engine this start uses: fills session->chosen, and session->reason when `auto` took
 * the second best.  TMPALLOC_E_UNSUPPORTED when the one that was named can't be used. */
int session_engine_choose(struct session *session, const struct tmpalloc_process *process,
                          struct error *error);

/* Creates the chosen engine for this recording, and brings it into a process that is there.  Where
 * the agent can't go and `auto` chose it, the breakpoint engine takes its place.  On failure there
 * is none. */
int session_engine_create(struct session *session, struct recording *recording,
                          const struct tmpalloc_process *process, bool continues,
                          struct error *error);
/* The breakpoint engine in place of an agent that can't be had; `error` says why. */
int session_engine_use_breakpoints(struct session *session, struct recording *recording,
                                   struct error *error);
/* Whether a status of an agent means that it can't be had. */
bool session_engine_has_no_agent(int status);
void session_engine_destroy(struct session *session);

#endif
