/* How tracking of a process begins, and finds what there is to track. */
#ifndef TMPALLOC_SESSION_BEGIN_H
#define TMPALLOC_SESSION_BEGIN_H

#include "session/session.h"

/* How a process came to be tracked. */
enum session_origin {
    ORIGIN_START, /* by the command, at this process or before there is one */
    ORIGIN_FORK, /* it is the child of a tracked one, counts from zero by itself, and may have begun
                    to */
    ORIGIN_RUN   /* an earlier start holds for it; it has just started */
};

/* Continues the results of this process where they are of it, else begins a new recording.  On
 * failure recording and state are as they were. */
int session_begin(struct session *session, const struct tmpalloc_process *process,
                  enum session_origin origin, struct error *error);

/* Looks at the process' files and where allocators are now. */
int session_refresh(struct session *session, struct error *error);

#endif
