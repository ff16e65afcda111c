/* Marks: counters that were remembered, by names. */
#ifndef TMPALLOC_SESSION_MARKS_H
#define TMPALLOC_SESSION_MARKS_H

#include "session/session.h"

void session_marks_deinit(struct session *session);

/* Each appends one line for the user to *text, or one for each mark.  A failure leaves the marks as
 * they were.  A mark from before there are results is kept: it is one at the beginning of all that
 * follow, like a catch. */
int session_mark(struct session *session, const char *name, struct text *text, struct error *error);
int session_marks_list(struct session *session, struct text *text, struct error *error);
/* name NULL: all of them. */
int session_marks_delete(struct session *session, const char *name, struct text *text,
                         struct error *error);

/* Sets what is kept in a recording that begins. */
int session_marks_begin(const struct session *session, struct recording *recording,
                        struct error *error);

/* The mark that is set at each stop, and no name for another. */
#define SESSION_STOP_MARK "stop"

#endif
