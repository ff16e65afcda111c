/* Which engine a session uses, how it comes to be, and its end. */
#ifndef TMPALLOC_SESSION_ENGINE_CREATE_H
#define TMPALLOC_SESSION_ENGINE_CREATE_H

#include "session/session.h"

/* Settles which engine this start uses: fills session->chosen, and session->reason when `auto` took
 * the second best.  TMPALLOC_E_UNSUPPORTED when the one that was named can't be used. */
int session_engine_choose(struct session *session, const struct tmpalloc_process *process,
                          struct error *error);

/* What a process that is there has of the agent. */
enum session_entry {
    ENTRY_ANEW,      /* nothing, or one that is to begin at zero */
    ENTRY_CONTINUES, /* one that may go on with what it has */
    ENTRY_PRELOADED  /* it will be there, if the debugger was asked for that */
};

/* Creates the chosen engine for this recording, and brings it into a process that is there.  Where
 * the agent can't go and `auto` chose it, the breakpoint engine takes its place.  On failure there
 * is none. */
int session_engine_create(struct session *session, struct recording *recording,
                          const struct tmpalloc_process *process, enum session_entry entry,
                          struct error *error);
/* Whether a program that the debugger would start next, so without a process, may have the agent,
 * and start leaves the choice. */
bool session_engine_can_preload(struct session *session, const struct tmpalloc_process *next);
/* Has the debugger load it into what it starts, until agent_preload_end(). */
int session_engine_preload(struct session *session, const struct recording *recording,
                           struct error *error);

/* The breakpoint engine in place of an agent that can't be had; `error` says why. */
int session_engine_use_breakpoints(struct session *session, struct recording *recording,
                                   struct error *error);
/* Whether a status of an agent means that it can't be had. */
bool session_engine_has_no_agent(int status);
void session_engine_destroy(struct session *session);

#endif
