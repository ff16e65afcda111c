/* The temporaries at which the program is to stop.
 *
 * Catches stay until they are deleted: when tracking stops or the process ends they rest, and count
 * from zero again in the next process that is tracked. */
#ifndef TMPALLOC_SESSION_CATCH_H
#define TMPALLOC_SESSION_CATCH_H

#include "session/session.h"

struct session_catch_options {
    uint32_t threshold;
    const char *at; /* NULL: anywhere */
    uint64_t min_size;
    uint64_t count; /* 0: every match */
    bool once;
    enum charge_by by; /* whose frame is selected */
};

void session_catches_init(struct session *session);
void session_catches_deinit(struct session *session);

/* Each appends one line for the user to *text.  id 0: all. */
int session_catch_add(struct session *session, const struct session_catch_options *options,
                      struct text *text, struct error *error);
int session_catch_delete(struct session *session, uint32_t id, struct text *text,
                         struct error *error);

/* One row of the status for each. */
void session_catches_append(struct session *session, struct text *text);

/* A further line for each that no loaded file's function will match (session_matches.h). */
void session_catches_append_unmatched(struct session *session, struct text *text);

/* A new recording began, before its engine. */
void session_catches_begin(struct session *session);
/* A hit was answered with TMPALLOC_STOP; may be called while it is handled. */
void session_catches_hit(struct session *session);
/* The program stopped: tells what is caught, and selects the frame that frees it. */
void session_catches_show(struct session *session);

/* The block that $_tmpalloc_addr is of, which is about to be freed; false: no catch has stopped the
 * program here. */
bool session_caught_block(const struct session *session, const struct profile *profile,
                          struct profile_block *ret);

#endif
