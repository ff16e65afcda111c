/* How far long work is, for a user who may want it to end.
 *
 * A loop that can take seconds calls progress_step() in each round, which costs a look at the
 * clock. Whom that tells is a matter of the thread, so that no loop needs to be handed it. */
#ifndef TMPALLOC_PROGRESS_H
#define TMPALLOC_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

/* Shows a line in place of the one before it: "" for none, NULL to leave it.  False: the user wants
 * the work to end. */
typedef bool progress_tell(void *arg, const char *line);

struct progress {
    progress_tell *tell;
    void *arg;
    uint32_t columns; /* of the terminal; 0: lines are not to be shown */
    int64_t began_ns;
    int64_t next_ns; /* when it is to be told again */
    bool shown;
    bool interrupted;
};

/* What the thread does until progress_end() is work that `tell` is told of ten times a second, with
 * a line when it has taken half a second.  One at a time for each thread. */
void progress_begin(struct progress *progress, progress_tell *tell, void *arg, uint32_t columns);
/* Leaves no line behind.  Whether the user wanted the work to end. */
bool progress_end(struct progress *progress);

/* "symbolizing 1200 of 23000 call stacks"; total 0: unknown.  TMPALLOC_OK, also when nobody is
 * told; TMPALLOC_E_INTERRUPTED from when the user wants the work to end. */
int progress_step(const char *doing, uint64_t done, uint64_t total, const char *things);
/* The same without a look at the clock and a line, where a failure may be due to the user. */
int progress_ask(void);
/* Why work failed that tells nothing but that it did: TMPALLOC_E_INTERRUPTED, TMPALLOC_E_NOMEM. */
int progress_failure(void);

#endif
