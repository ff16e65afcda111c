/* The next block of a call site, watched by the debugger from its allocation to its free. */
#ifndef TMPALLOC_SESSION_WATCH_H
#define TMPALLOC_SESSION_WATCH_H

#include "session/session.h"

void session_watch_init(struct session *session);

/* At a stop: the next block of this site of the reports is watched, instead of another one that
 * was. */
int session_watch_site(struct session *session, uint32_t site, struct text *text,
                       struct error *error);
/* Nothing is watched any more. */
int session_watch_delete(struct session *session, struct text *text, struct error *error);
/* The process is gone, or not tracked any more. */
void session_watch_end(struct session *session);

/* A row of the status, if anything is watched. */
void session_watch_append(struct session *session, struct text *text);

#endif
