/* A temporary that is about to be freed where the program is to stop: the user's breakpoints for it
 * are asked, what is told, and the frame that is selected. */
#ifndef TMPALLOC_SESSION_CAUGHT_H
#define TMPALLOC_SESSION_CAUGHT_H

#include "session/session.h"

/* The engine has just added one, in a hit that is handled: TMPALLOC_STOP, or TMPALLOC_OK when none
 * of the breakpoints stops. */
int session_catches_hit(struct session *session);
/* The program stopped: tells what is caught, and selects the frame that frees it. */
void session_catches_show(struct session *session);

/* The block that $_tmpalloc_addr is of, which is about to be freed; false: no catch has stopped the
 * program here. */
bool session_caught_block(const struct session *session, const struct profile *profile,
                          struct profile_block *ret);

#endif
