/* Threads as the debugger knows them. */
#ifndef TMPALLOC_SESSION_THREADS_H
#define TMPALLOC_SESSION_THREADS_H

#include "session/session.h"

/* The TID of the thread of the results' process that the debugger knows by this number: "2", or
 * "1.2" where it writes that.  False: it knows none.  One line says so when the number is another
 * thread's TID as well. */
bool session_finds_thread(struct session *session, const char *number, int64_t *tid_ret);

/* Appends a line with the numbers and the TIDs of all threads; nothing while that isn't known. */
void session_threads_append(struct session *session, struct text *text);

#endif
