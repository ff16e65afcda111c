/* The temporaries at which the program is to stop.
 *
 * Catches stay until they are deleted: when tracking stops or the process ends they rest, and count
 * from zero again in the next process that is tracked. */
#ifndef TMPALLOC_SESSION_CATCH_H
#define TMPALLOC_SESSION_CATCH_H

#include <regex.h>

#include "engines/engine_catches.h"
#include "support/error.h"
#include "support/map.h"
#include "support/text.h"

struct recording;
struct session;
struct symbol;

struct session_catch {
    uint32_t id; /* counted from 1, not used again; 0: this place is free */
    bool once;
    bool done; /* to be deleted once its last stop was shown */
    char *at;  /* owned; NULL: anywhere */
    regex_t regex;
};

struct session_catches {
    struct session_catch items[ENGINE_CATCHES];
    uint32_t last_id;
    struct engine_catches engine; /* the same places */
    struct map decided;           /* of a stack: the bits that engine.decide gives */
};

struct session_catch_options {
    uint32_t threshold;
    const char *at; /* NULL: anywhere */
    uint64_t min_size;
    uint64_t count; /* 0: every match */
    bool once;
};

void session_catches_init(struct session *session);
void session_catches_deinit(struct session *session);

/* Each appends one line for the user to *text.  id 0: all. */
int session_catch_add(struct session *session, const struct session_catch_options *options,
                      struct text *text, struct error *error);
int session_catch_delete(struct session *session, uint32_t id, struct text *text,
                         struct error *error);

/* The location of a stack; NULL: it has none, or without memory. */
const struct symbol *session_find_location(const struct recording *recording, uint32_t number);

/* One row of the status for each. */
void session_catches_append(struct session *session, struct text *text);

/* A new recording began, before its engine. */
void session_catches_begin(struct session *session);
/* A hit was answered with TMPALLOC_STOP; may be called while it is handled. */
void session_catches_hit(struct session *session);
/* The program stopped: tells what is caught, and selects the frame that frees it. */
void session_catches_show(struct session *session);

#endif
