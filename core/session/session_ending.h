/* How the process ended that the results are of. */
#ifndef TMPALLOC_SESSION_ENDING_H
#define TMPALLOC_SESSION_ENDING_H

#include "session/session.h"

/* What the debugger tells of the process with this id, which has ended. */
struct profile_ending session_ending_told(const struct tmpalloc_process *process, int64_t pid);

/* Gives the results to what became of their process, as far as that is known now. */
void session_describe_ending(struct session *session, struct profile *profile);

#endif
