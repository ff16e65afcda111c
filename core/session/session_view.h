/* How the user wants results to be looked at, as far as a command doesn't say. */
#ifndef TMPALLOC_SESSION_VIEW_H
#define TMPALLOC_SESSION_VIEW_H

#include "session/session.h"

/* By the session's threshold and settings, which the view refers to, without native frames. */
struct profile_view session_view(const struct session *session);
/* Asks the debugger anew what it steps over; not while a hit is handled. */
void session_ask_skips(struct session *session);

#endif
