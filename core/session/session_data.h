/* The status for programs. */
#ifndef TMPALLOC_SESSION_DATA_H
#define TMPALLOC_SESSION_DATA_H

#include "session/session.h"

/* Appends what session_status() says as JSON, see report_data.h: "state" is idle, waiting,
 * tracking, stopped, ended or loaded; counters are there when there are results, "results" (now,
 * stop, exit, exec, core) says as of when those of an agent are. */
int session_status_data(struct session *session, struct text *text, struct error *error);

#endif
