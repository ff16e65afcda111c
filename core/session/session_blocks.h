/* Blocks of the process that can still become temporary. */
#ifndef TMPALLOC_SESSION_BLOCKS_H
#define TMPALLOC_SESSION_BLOCKS_H

#include "session/session.h"

/* TMPALLOC_E_STATE says why a profile has no blocks now that can still become temporary. */
int session_check_blocks(struct session *session, struct error *error);
/* The thread that the user has selected; 0: unknown. */
int64_t session_this_tid(struct session *session);

#endif
