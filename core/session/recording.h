/* What was recorded of one process: its files, counters, call stacks and marks. */
#ifndef TMPALLOC_RECORDING_H
#define TMPALLOC_RECORDING_H

#include "names/process_files.h"
#include "profile/profile_build.h"
#include "profile/profile_view.h"
#include "support/text.h"
#include "tables/tracker.h"
#include "unwind/interpreted_stacks.h"
#include "unwind/unwinder.h"

/* How old results are that were copied out of the process. */
enum recording_age {
    RECORDING_NEVER, /* nothing was copied yet */
    RECORDING_NOW,   /* nothing was counted since, or it is about to be copied again */
    RECORDING_STOP,  /* the process' last stop */
    RECORDING_EXIT,  /* when it called _exit() */
    RECORDING_EXEC,  /* when it called execve() */
    RECORDING_CORE   /* when its core was dumped */
};

struct recording {
    struct host *host;
    const char *engine; /* static string */
    bool copied;        /* the process counts: the results are `latest`, not tracker */
    struct snapshot latest;
    bool zeroed; /* since the process counted last, which doesn't know it yet */
    enum recording_age age;
    uint64_t agent_bytes; /* memory of the agent, at that time */
    const char *sandbox;  /* what is known of one; NULL: nothing */
    bool told_missing; /* debug information that names depend on isn't there, and that was said */
    bool told_lacks[DEBUG_LACKS_LINES + 1]; /* the same of each other kind */
    bool limited;                           /* it had none for more call stacks */
    struct tmpalloc_process process;        /* pid 0: not known yet */
    bool tracked;                           /* entry points were, at some time */
    bool whole;  /* they were from the program's start on, without a pause */
    bool within; /* calls counted, at some time, while one function was on the stack alone */
    bool over;   /* the process is gone */
    char executed[4096]; /* the program that replaced it; "": none did, or unknown */
    bool running;        /* it was, when what it counted was to be copied last */
    bool unselected;     /* the same: another process was selected */
    char **arguments;    /* of the process, NULL-terminated; NULL: unknown */
    struct tracker *tracker;
    struct modules *modules;
    struct process_files files; /* of which `modules` were updated last, if at all */
    struct symbolizer *symbolizer;
    struct unwinder *unwinder;
    struct interpreted_stacks *python;
    uint32_t placeless;     /* call stacks of a core file with code in none of its files */
    struct map past_stacks; /* see struct agent_image_source */
    struct map site_ids;    /* of a stack's number; sites keep theirs when counters don't */
    struct mark *marks;
    size_t mark_count;
    size_t mark_capacity;
};

int recording_create(struct host *host, const char *engine, uint32_t max_threshold,
                     struct error *error, struct recording **ret);
void recording_destroy(struct recording *recording); /* NULL is allowed */

/* The recording is of this process from now on. */
void recording_set_process(struct recording *recording, const struct tmpalloc_process *process);

/* Looks which files are loaded in this process, the selected one; the debugger is asked where the
 * process itself doesn't tell.  *changed_ret (may be NULL): not those of last time. */
int recording_update_modules(struct recording *recording, const struct tmpalloc_process *process,
                             bool *changed_ret, struct error *error);

/* What the process counted, copied; the recording owns it from now on, also without memory for ids,
 * which is TMPALLOC_E_NOMEM. */
int recording_set_latest(struct recording *recording, struct snapshot *snapshot,
                         enum recording_age age, struct error *error);
/* Before counters are zeroed: sites that nobody has looked at yet get their ids. */
int recording_number_sites(struct recording *recording, struct error *error);
/* The highest threshold that can be asked for. */
uint32_t recording_max_threshold(const struct recording *recording);
/* Whether there is something to count or to copy from, or was. */
bool recording_has_results(const struct recording *recording);
/* For the user: a static string. */
const char *recording_why_no_results(const struct recording *recording);
/* Why what it counted couldn't be copied last: "running" or "not selected"; NULL: it was. */
const char *recording_why_old(const struct recording *recording);
/* The counters, for the caller to own.  TMPALLOC_E_STATE: nothing was copied before it was too
 * late. */
int recording_snapshot(struct recording *recording, struct snapshot *ret, struct error *error);

/* Remembers the counters under a name; an existing mark of that name moves. */
int recording_mark(struct recording *recording, const char *name, struct error *error);
/* The same for the counters at the beginning, all zero. */
int recording_mark_beginning(struct recording *recording, const char *name, struct error *error);
/* Appends a line for each, in the order in which they were set first. */
void recording_append_marks(const struct recording *recording, struct text *text);
/* Their names in that order; NULL behind the last one. */
const char *recording_mark_name(const struct recording *recording, size_t number);
/* TMPALLOC_E_ARGUMENT: there is none of that name. */
int recording_forget_mark(struct recording *recording, const char *name, struct error *error);

void recording_forget_marks(struct recording *recording);

/* Which results are wanted. */
struct recording_query {
    struct profile_view view;
    const char *since; /* counted from this mark; NULL: from the start */
};

/* What profiles are made of, without a snapshot.  Refers to the recording. */
struct profile_source recording_source(const struct recording *recording,
                                       const struct profile_view *view);

/* The location of a stack; NULL: it is SITE_NO_STACK, or without memory. */
const struct symbol *recording_find_location(const struct recording *recording,
                                             const struct profile_view *view, uint32_t number);

/* The profile must not outlive the recording. */
int recording_profile(struct recording *recording, const struct recording_query *query,
                      struct error *error, struct profile **ret);

#endif
