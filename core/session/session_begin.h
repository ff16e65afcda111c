/* How tracking of a process begins, and finds what there is to track. */
#ifndef TMPALLOC_SESSION_BEGIN_H
#define TMPALLOC_SESSION_BEGIN_H

#include "session/session.h"

/* Continues the results of this process where they are of it, else begins a new recording.
 * `forked`: it is the child of a tracked process, counts from zero by itself, and may have begun
 * to. On failure recording and state are as they were. */
int session_begin(struct session *session, const struct tmpalloc_process *process, bool forked,
                  struct error *error);

/* Looks at the process' files and where allocators are now. */
int session_refresh(struct session *session, struct error *error);

#endif
