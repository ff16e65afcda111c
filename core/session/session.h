/* A debug session: which process is tracked how, and what was recorded.  The only file that knows
 * every stage. */
#ifndef TMPALLOC_SESSION_H
#define TMPALLOC_SESSION_H

#include "engines/engine_agent.h"
#include "engines/engine_breakpoint.h"
#include "profile/profile_suppress.h"
#include "reports/report_selection.h"
#include "session/recording.h"
#include "session/session_catch.h"
#include "session/session_copies.h"
#include "session/session_watch.h"

#define SESSION_DEFAULT_MAX_THRESHOLD 16
#define SESSION_DEFAULT_THRESHOLD     1

enum session_state {
    SESSION_IDLE,     /* never started */
    SESSION_WAITING,  /* started; no process yet, or no allocator mapped yet */
    SESSION_TRACKING, /* counting */
    SESSION_STOPPED,  /* the user stopped it; the results stay */
    SESSION_ENDED     /* the process is gone; the results stay */
};

enum session_engine { SESSION_AUTO, SESSION_AGENT, SESSION_BREAKPOINT, SESSION_HARDWARE };

/* What the start command asked for. */
struct session_options {
    enum session_engine engine;
    uint32_t max_threshold;
    uint32_t stack_depth;
    uint64_t memory_limit_bytes; /* of the agent */
    enum session_python { PYTHON_AUTO, PYTHON_ON, PYTHON_OFF } python;
    bool mappings;
    bool only_this_thread;
    struct suppressions *suppressions; /* owned; NULL: none */
    char *within;                      /* owned; NULL: everywhere */
    struct entry_custom *custom;       /* owned */
    bool objects;                      /* CPython's object allocator counts */
    size_t custom_count;
};

struct session {
    struct host host;
    enum session_state state;
    struct session_options options;
    enum session_engine chosen;       /* what `options.engine` came to; never SESSION_AUTO */
    char reason[ERROR_TEXT_BYTES];    /* why auto did not choose the agent; "": it did */
    struct engine_breakpoint *engine; /* while waiting or tracking, one of these */
    struct engine_agent *agent;
    struct engine_agent *left;   /* it was given up while a hit was handled; NULL: none */
    int64_t next_copy_ns;        /* CLOCK_MONOTONIC, for stops without a command */
    struct recording *recording; /* NULL: never started */
    char core_file[4096];        /* that is looked at, as it was, and why it gave no results */
    struct elf_stamp core_stamp;
    char core_problem[ERROR_TEXT_BYTES]; /* "": it did, or there is none */
    bool elsewhere;                      /* what is selected is not what the results came from */
    bool hit_failed;                     /* and the user knows that */
    char ended[128];                     /* what became of the process, e.g. "exited" */
    bool execed;                         /* that it executed another program */
    int32_t signal;      /* or that it ended by this one; 0: it didn't, or that isn't known */
    bool has_namespaces; /* the C library was loaded twice, and the agent is in one of them */
    struct text missing; /* why something asked for isn't tracked; empty: nothing */
    uint32_t threshold;  /* of reports that name none */
    struct session_copies copies;
    struct session_catches catches;
    struct session_watch watch;
    struct profile *loaded;  /* results from files, which reports are about; NULL: none */
    struct text loaded_from; /* these files, for messages */
};

void session_init(struct session *session, const struct tmpalloc_host *host);
void session_deinit(struct session *session);

/* Each appends one line for the user to *text.  A failure leaves results and state as they were.
 * session_start() takes over what `options` owns, also when it fails. */
int session_start(struct session *session, struct session_options *options, struct text *text,
                  struct error *error);
int session_stop(struct session *session, struct text *text, struct error *error);
int session_reset(struct session *session, struct text *text, struct error *error);
int session_mark(struct session *session, const char *name, struct text *text, struct error *error);
int session_status(struct session *session, struct text *text, struct error *error);

/* Reports are about what these files hold, summed, until the next start. */
int session_load(struct session *session, char *const *paths, size_t count, struct text *text,
                 struct error *error);
/* Back to what was recorded. */
void session_unload(struct session *session);
/* Writes a file that session_load() reads. */
int session_save(struct session *session, const char *path, bool force, struct text *text,
                 struct error *error);
/* Whether the process went on after its results were read for the last time, and has ended. */
bool session_is_incomplete(const struct session *session);

/* What a verdict on the results is worth. */
enum session_worth {
    SESSION_SOUND,
    SESSION_PARTIAL,  /* they can exceed limits, but not prove that these are kept */
    SESSION_WORTHLESS /* there are none, or they are of another program */
};

/* Appends to *why, which is empty when they are sound. */
enum session_worth session_judge_results(struct session *session, struct text *why);

/* TMPALLOC_E_STATE before the first start.  Tells the user when the results are not of what the
 * debugger has selected. */
int session_profile(struct session *session, const struct recording_query *query,
                    struct error *error, struct profile **ret);

/* TMPALLOC_E_STATE when nothing was recorded, or the results are loaded ones. */
int session_need_recording(const struct session *session, struct error *error);

/* TMPALLOC_E_ARGUMENT for a threshold above the highest one that is recorded. */
int session_check_threshold(uint32_t threshold, uint32_t highest, struct error *error);

/* The counters, for the caller to own. */
int session_snapshot(struct session *session, struct snapshot *ret, struct error *error);

/* TMPALLOC_E_STATE says why a profile has no blocks now that can still become temporary. */
int session_check_blocks(struct session *session, struct error *error);
/* The thread that the user has selected; 0: unknown. */
int64_t session_this_tid(struct session *session);

/* Temporaries, at the session's threshold, of the locations that match. */
int session_count(struct session *session, const regex_t *location, uint64_t *count_ret,
                  uint64_t *bytes_ret, struct error *error);

/* Whether it is tracking or waiting to. */
bool session_is_active(const struct session *session);

/* What is tracked and how, one line without a newline. */
void session_append_state(struct session *session, struct text *text);
/* The same once the process runs, without what start has said before. */
void session_append_found(struct session *session, struct text *text);

/* Called by the adapter; see tmpalloc.h. */
int session_event(struct session *session, tmpalloc_event event, struct error *error);
int session_hit(struct session *session, uint64_t id);

/* Before a command: notices a process that went away without an event. */
void session_poll(struct session *session);

void session_options_deinit(struct session_options *options);

#endif
