/* The engines behind one face: which one a session uses, and what each does differently. */
#ifndef TMPALLOC_SESSION_ENGINE_H
#define TMPALLOC_SESSION_ENGINE_H

#include "session/session.h"

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

/* The same, and fails when they can't be read because the process is running, or
 * another one is selected. */
int session_engine_update_all(struct session *session, struct error *error);
/* The same at a stop that no command is given at: when it is worth it, or always. */
void session_engine_stopped(struct session *session, bool always);

#endif
