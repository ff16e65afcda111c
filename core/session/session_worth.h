/* What a verdict on the results is worth. */
#ifndef TMPALLOC_SESSION_WORTH_H
#define TMPALLOC_SESSION_WORTH_H

#include "session/session.h"

enum session_worth {
    SESSION_SOUND,
    SESSION_PARTIAL,  /* they can exceed limits, but not prove that these are kept */
    SESSION_WORTHLESS /* there are none, or they are of another program */
};

/* Appends to *why, which is empty when they are sound. */
enum session_worth session_judge_results(struct session *session, struct text *why);

#endif
