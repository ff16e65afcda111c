/* The temporaries at which the program is to stop.  In the debugger each is a breakpoint of the
 * user's, which has no place: it is asked at each match.
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
/* TMPALLOC_E_ARGUMENT: there is one about more than this threshold. */
int session_catches_check(const struct session *session, uint32_t max_threshold,
                          struct error *error);
int session_catch_delete(struct session *session, uint32_t id, struct text *text,
                         struct error *error);

/* One row of the status for each. */
void session_catches_append(const struct session *session, struct text *text);
/* The same with the numbers of their breakpoints, up to date. */
int session_catches_list(struct session *session, struct text *text, struct error *error);

/* A further line for each that no loaded file's function will match (session_matches.h). */
void session_catches_append_unmatched(struct session *session, struct text *text);

/* A new recording began, before its engine. */
void session_catches_begin(struct session *session);
/* Deletes those whose breakpoints the user has deleted; not while a hit is handled. */
void session_catches_poll(struct session *session);

/* Those of these bits that were to stop the program once have done so; may be called while a hit is
 * handled. */
void session_catches_stopped(struct session *session, uint32_t bits);
/* Deletes them; not while a hit is handled. */
void session_catches_delete_done(struct session *session);

/* Of a catch's place, in engine_caught.catches. */
static inline uint32_t session_catch_bit(size_t place) {
    return UINT32_C(1) << place;
}

#endif
