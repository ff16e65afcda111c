/* What a session goes through: which state may follow which. */
#ifndef TMPALLOC_SESSION_STATE_H
#define TMPALLOC_SESSION_STATE_H

#include "session/session.h"

/* TMPALLOC_OK, or TMPALLOC_E_INTERNAL with the session as it was: this state can't follow. */
int session_set_state(struct session *session, enum session_state state, struct error *error);

/* The state before one that came to nothing. */
void session_restore_state(struct session *session, enum session_state state);

#endif
