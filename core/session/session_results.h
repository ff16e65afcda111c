/* The results: counted here or in the process, or loaded from files. */
#ifndef TMPALLOC_SESSION_RESULTS_H
#define TMPALLOC_SESSION_RESULTS_H

#include "session/session.h"

/* TMPALLOC_E_STATE before the first start, and when a process that isn't tracked has come since: of
 * the functions here only session_save() is about the results before that.  Tells the user when the
 * results are not of what the debugger has selected. */
int session_profile(struct session *session, const struct recording_query *query,
                    struct error *error, struct profile **ret);

/* The counters, for the caller to own. */
int session_snapshot(struct session *session, struct snapshot *ret, struct error *error);

/* Of the call stacks with a frame that matches. */
int session_count(struct session *session, const regex_t *expression, tmpalloc_amounts *ret,
                  struct error *error);

/* Reports are about what these files hold, summed, until the next start. */
int session_load(struct session *session, char *const *paths, size_t count, struct text *text,
                 struct error *error);
/* Back to what was recorded. */
void session_unload(struct session *session);
/* Writes a file that session_load() reads. */
int session_save(struct session *session, const char *path, bool force, struct text *text,
                 struct error *error);

#endif
