/* The engines behind one face: which one a session uses, and what each does differently. */
#ifndef TMPALLOC_SESSION_ENGINE_H
#define TMPALLOC_SESSION_ENGINE_H

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
void session_engine_destroy(struct session *session);
/* Lets go of an agent that was given up; not while a hit is handled. */
void session_engine_drop_abandoned(struct session *session);

/* The process' files changed: the session is tracking or waiting afterwards. */
int session_engine_refresh(struct session *session, struct error *error);

/* Says which files aren't the ones that the process has loaded, and which can't be read. */
void session_append_files(const struct session *session, struct text *text);

/* Ends counting in the stopped process, whose results are then final. */
int session_engine_stop(struct session *session, struct error *error);
int session_engine_reset(struct session *session, struct error *error);

int session_engine_hit(struct session *session, uint64_t id, struct error *error);

/* The catches have changed; may be called while a hit is handled. */
int session_engine_set_catches(struct session *session, struct error *error);

/* The same for the stack that is awaited; only at a stop. */
int session_engine_await(struct session *session, struct error *error);

/* Brings the recording's results up to date, if they are elsewhere and can be read now. */
int session_engine_update(struct session *session, struct error *error);
/* The same at a stop that no command is given at: when it is worth it, or always. */
void session_engine_stopped(struct session *session, bool always);

#endif
