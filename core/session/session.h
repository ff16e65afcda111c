/* A debug session: which process is tracked how, and what was recorded.
 *
 * What it is made of, and the questions that need nothing else.  What happens to it stands above:
 *
 *     copies, source, view, engine_create < engine < results < blocks, threads, worth, watch,
 * catch, marks < caught, core < status, data < begin < runs < process, control
 */
#ifndef TMPALLOC_SESSION_H
#define TMPALLOC_SESSION_H

#include <regex.h>

#include "engines/agent_preload.h"
#include "engines/engine_agent.h"
#include "engines/engine_breakpoint.h"
#include "engines/engine_catches.h"
#include "names/elf_file.h"
#include "profile/charge_settings.h"
#include "profile/profile_suppress.h"
#include "session/recording.h"
#include "support/map.h"
#include "support/text.h"

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
    bool once;                         /* for one process, not for those that are run later */
    struct suppressions *suppressions; /* owned; NULL: none */
    char *within;                      /* owned; NULL: everywhere */
    struct entry_custom *custom;       /* owned */
    bool object_allocator;             /* CPython's object allocator counts */
    size_t custom_count;
};

/* A temporary at which the program is to stop. */
struct session_catch {
    uint32_t id; /* counted from 1, not used again; 0: this place is free */
    bool once;
    bool done; /* to be deleted once its last stop was shown */
    enum charge_by by;
    char *at; /* owned; NULL: anywhere */
    regex_t regex;
};

struct session_catches {
    struct session_catch items[ENGINE_CATCHES];
    uint32_t last_id;
    struct engine_catches engine; /* the same places */
    size_t shown_count;           /* of engine.caught, at the present stop */
    struct map decided;           /* of a stack: the bits that engine.decide gives */
    struct map sites;             /* of a caught stack: its site's number, which stays */
};

/* The block that is watched: one at a time. */
struct session_watch {
    enum { WATCH_NOTHING, WATCH_NEXT, WATCH_BLOCK } state;
    uint32_t stack; /* of the site */
    uint64_t address;
    uint64_t size_bytes;
    uint32_t bytes; /* watched, the block's first ones */
};

/* What has been found out so far of copies of functions that the user named: debug information is
 * read once for each file and name. */
struct session_copies {
    struct map looked; /* name's and file's number -> 1 */
    struct text inlined;
};

/* Names of marks that were set before there were results: see session_marks.h. */
struct session_marks {
    char **names; /* owned, each as well */
    size_t count, capacity;
};

/* What start holds for beside the process that it was given at: see session_runs.h. */
struct session_hold {
    bool active;
    bool remote;              /* what a server starts, which is not known from others there */
    int64_t target;           /* in the debugger */
    int64_t ended_pid;        /* that was there before */
    struct elf_stamp program; /* that was looked at last: can it be loaded with the agent? */
    bool had_functions;       /* those of --within and --allocator were in a program before */
    bool knows_functions;     /* of the present one it is known whether they are in it */
    bool lacks;               /* they aren't, and it is not to be tracked */
};

/* A process of that target which isn't tracked, the latest one there. */
struct session_untracked {
    int64_t pid; /* 0: the latest one is tracked */
    char why[ERROR_TEXT_BYTES];
};

struct session {
    struct host host;
    enum session_state state;
    struct session_options options;
    enum session_engine chosen;       /* what `options.engine` came to; never SESSION_AUTO */
    char reason[ERROR_TEXT_BYTES];    /* why auto did not choose the agent; "": it did */
    struct engine_breakpoint *engine; /* while waiting or tracking, one of these */
    struct engine_agent *agent;
    struct engine_agent *abandoned_agent; /* in the hit that gave it up; else NULL */
    struct agent_preload preload;         /* of what is to be tracked */
    struct session_hold hold;
    struct session_untracked untracked;
    bool anew;                   /* it isn't the first process since start */
    int64_t next_copy_ns;        /* CLOCK_MONOTONIC, for stops without a command */
    struct recording *recording; /* NULL: never started */
    char core_file[4096];        /* that is looked at, as it was, and why it gave no results */
    struct elf_stamp core_stamp;
    char core_problem[ERROR_TEXT_BYTES]; /* "": it did, or there is none */
    bool elsewhere;                      /* what is selected is not what the results came from */
    bool hit_failed;                     /* and the user knows that */
    char ended[128];                     /* what became of the process, e.g. "exited" */
    struct profile_ending ending;        /* the same for verdicts, without its pid */
    bool has_namespaces; /* the C library was loaded twice, and the agent is in one of them */
    struct text missing; /* why something asked for isn't tracked; empty: nothing */
    uint32_t columns;    /* of the lines of the latest command's output; 0: any */
    uint32_t threshold;  /* of reports that name none */
    uint32_t rows;       /* of tables that name none, as in struct report_options */
    char *suppress;      /* the file of reports that name none; owned; NULL: none */
    struct charge_settings charge;
    struct session_copies copies;
    struct session_catches catches;
    struct session_watch watch;
    struct session_marks marks;
    struct profile *loaded;  /* results from files, which reports are about; NULL: none */
    struct text loaded_from; /* these files, for messages */
};

/* Whether it is tracking or waiting to. */
bool session_is_active(const struct session *session);
/* Whether the process went on after its results were read for the last time, and has ended or was
 * let go. */
bool session_is_incomplete(const struct session *session);

/* TMPALLOC_E_STATE when nothing was recorded, or the results are loaded ones. */
int session_need_recording(const struct session *session, struct error *error);
/* The same when the results aren't of the target's latest process. */
int session_need_latest(const struct session *session, struct error *error);
/* TMPALLOC_E_ARGUMENT for a threshold above the highest one that is recorded. */
int session_check_threshold(uint32_t threshold, uint32_t highest, struct error *error);

/* The entry points that are tracked: the first *active_ret. */
const struct entry_points *session_entry_points(const struct session *session, size_t *active_ret);

/* "auto", "agent" ... as in messages. */
const char *session_engine_name(enum session_engine engine);

/* why "": none is known. */
void session_set_untracked(struct session *session, int64_t pid, const char *why);
/* TMPALLOC_E_STATE: what is asked for needs a process that is stopped. */
int session_refuse_running(int64_t pid, struct error *error);
/* The same of one that another process was selected instead of. */
int session_refuse_unselected(int64_t pid, struct error *error);

void session_options_deinit(struct session_options *options);

#endif
