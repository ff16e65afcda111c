/* The status for people. */
#ifndef TMPALLOC_SESSION_STATUS_H
#define TMPALLOC_SESSION_STATUS_H

#include "session/session.h"

int session_status(struct session *session, struct text *text, struct error *error);

/* What is tracked and how, one line without a newline. */
void session_append_state(struct session *session, struct text *text);
/* The same once the process runs, without what start has said before, from the word tracking on. */
void session_append_found(struct session *session, struct text *text);

#endif
