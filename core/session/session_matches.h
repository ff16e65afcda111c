/* Whether what was asked for by a regular expression can come. */
#ifndef TMPALLOC_SESSION_MATCHES_H
#define TMPALLOC_SESSION_MATCHES_H

#include <regex.h>

#include "session/session.h"

/* Appends a further line where no function, source or file that is loaded matches, so that no frame
 * of these will.  Nothing where that can't be told: of Python functions, which aren't known before
 * they run, of an expression for more than a name or a path, and while no process is tracked. */
void session_append_unmatched(struct session *session, const regex_t *at, const char *pattern,
                              struct text *text);

/* Whether allocations in calls that match (NULL: in any) would be in these results: such a function
 * is loaded, or one of Python's was seen at some time, and what calls had to be within was entered;
 * NULL: see struct profile. */
bool session_knows_path(struct session *session, const struct profile *profile, const regex_t *at);

#endif
