/* What start holds for: each program that the debugger starts later in the same target is tracked
 * in results of its own, until stop. */
#ifndef TMPALLOC_SESSION_RUNS_H
#define TMPALLOC_SESSION_RUNS_H

#include "session/session.h"

/* A start was given: at this process, or where none was. */
void session_hold_begin(struct session *session, const struct tmpalloc_process *process);
void session_hold_end(struct session *session);

/* What the debugger would start next may be another program, or the same file changed: has it
 * loaded with the agent or without.  `always`: what it finds around it may have changed, too. */
void session_hold_prepare(struct session *session, const struct tmpalloc_process *process,
                          bool always);

/* Whether the debugger has started this process in the target that start was given in: not attached
 * to it, nor got it from a server. */
bool session_is_run(const struct session *session, const struct tmpalloc_process *process);

/* Tracks this process where start holds for it and nothing else is tracked; true: it was that. */
bool session_run_begin(struct session *session, const struct tmpalloc_process *process);

/* Notes that this process isn't tracked, where it is the target's and not the results' own. */
void session_note_untracked(struct session *session, const struct tmpalloc_process *process);

/* The same of one that has come and gone without an event. */
void session_note_ended(struct session *session, const struct tmpalloc_process *process);

/* Nothing is tracked any more: the process is gone, or what becomes of it is of no interest. */
void session_end_tracking(struct session *session, const char *what);
/* The same of a process that lacks what start names. */
void session_refuse_run(struct session *session, const char *why);

#endif
