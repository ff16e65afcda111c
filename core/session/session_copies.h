/* Copies of functions that the user named which can't be followed. */
#ifndef TMPALLOC_SESSION_COPIES_H
#define TMPALLOC_SESSION_COPIES_H

#include "session/session.h"

void session_copies_init(struct session *session);
void session_copies_deinit(struct session *session);

/* Other functions may be named from now on. */
void session_copies_forget(struct session *session);

/* Appends what isn't counted because a compiler has put it elsewhere; nothing: nothing. */
void session_copies_append(struct session *session, struct text *text);

#endif
