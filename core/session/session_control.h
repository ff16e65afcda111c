/* A session's life, and the commands that begin and end its tracking. */
#ifndef TMPALLOC_SESSION_CONTROL_H
#define TMPALLOC_SESSION_CONTROL_H

#include "session/session.h"

void session_init(struct session *session, const struct tmpalloc_host *host);
void session_deinit(struct session *session);

/* Each appends one line for the user to *text.  A failure leaves results and state as they were.
 * session_start() takes over what `options` owns, also when it fails. */
int session_start(struct session *session, struct session_options *options, struct text *text,
                  struct error *error);
int session_stop(struct session *session, struct text *text, struct error *error);
int session_reset(struct session *session, struct text *text, struct error *error);

#endif
