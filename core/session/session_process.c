#include "session/session_process.h"

#include "debugger/process_linux.h"
#include "names/process_maps.h"
#include "profile/profile_names.h"
#include "session/session_begin.h"
#include "session/session_catch.h"
#include "session/session_caught.h"
#include "session/session_core.h"
#include "session/session_ending.h"
#include "session/session_engine.h"
#include "session/session_runs.h"
#include "session/session_source.h"
#include "session/session_state.h"
#include "session/session_status.h"
#include "support/log.h"

static void tell_found(struct session *session) {
    struct text line;
    text_init(&line);
    text_printf(&line, "tmpalloc: %s", session->anew ? "results begin anew: " : "");
    session_append_found(session, &line);
    session_catches_append_unmatched(session, &line);
    host_show(&session->host, text_get(&line));
    text_deinit(&line);
}

/* A later run that can't be tracked as start wants it isn't tracked. */
static int refuse_lacking(struct session *session, int status, struct error *error) {
    bool lost = session->anew && !session->engine && !session->agent;
    if (status == TMPALLOC_OK || !(session->hold.lacks || lost))
        return status;
    session_refuse_run(session, error->text);
    return TMPALLOC_OK;
}

static int modules_changed(struct session *session, const struct tmpalloc_process *process,
                           struct error *error) {
    bool waiting = session->state == SESSION_WAITING;
    if (session->recording->process.pid == 0 && session_is_run(session, process))
        recording_set_process(session->recording, process);
    if (session->recording->process.pid != process->pid)
        return TMPALLOC_OK;
    if (waiting && process->refusal[0]) {
        session_refuse_run(session, process->refusal);
        return TMPALLOC_OK;
    }
    session->recording->files.told = true;
    host_set_process(&session->host, process); /* its architecture may have been unknown */
    int status = session_refresh(session, error);
    if (status != TMPALLOC_OK)
        return refuse_lacking(session, status, error);
    if (waiting && session->state == SESSION_TRACKING)
        tell_found(session);
    return TMPALLOC_OK;
}

static int64_t parent_of(const struct tmpalloc_process *process) {
    return process->local ? process_parent(process->pid) : 0;
}

/* Whether another process than the recording's is its child.  Nothing but fork() brings the agent
 * into one; there it tells a child also when the parent is gone by now, perhaps without an event.
 * (Its files become known one after the other.) */
static bool is_child(struct session *session, const struct tmpalloc_process *process) {
    struct recording *recording = session->recording;
    bool is_parent = parent_of(process) == recording->process.pid;
    if (!recording->copied)
        return is_parent;
    bool gone = session->state == SESSION_ENDED || parent_of(&recording->process) == 0;
    return (is_parent || gone) &&
           recording_update_modules(recording, process, NULL, NULL) == TMPALLOC_OK &&
           engine_agent_is_loaded(recording->modules);
}

/* The debugger let the tracked process go and follows its child (set follow-fork-mode child). */
static int follow_child(struct session *session, const struct tmpalloc_process *child,
                        struct error *error) {
    int64_t parent = session->recording->process.pid;
    if (session_is_active(session))
        session_end_tracking(session, "was detached");
    int status = session_begin(session, child, ORIGIN_FORK, error);
    session->hold.target = child->target;
    if (status != TMPALLOC_OK)
        return status;
    host_message(&session->host,
                 "tmpalloc: following child %lld of process %lld, its results begin at zero",
                 (long long)child->pid, (long long)parent);
    return TMPALLOC_OK;
}

/* A copy that was made when it was about to execute another program is one of many, if that failed.
 */
static void process_ended(struct session *session, struct profile_ending ending) {
    session->ending = ending;
    if (session->recording->age == RECORDING_EXEC)
        session->recording->age = RECORDING_STOP;
    bool never_found = session->state == SESSION_WAITING && !session->agent;
    session_end_tracking(session, "ended or was detached");
    if (never_found)
        host_message(&session->host,
                     "tmpalloc: process %lld ended, no allocator was found in it (a static "
                     "executable without symbols?)",
                     (long long)session->recording->process.pid);
}

/* Nobody asked for what comes after the stop command; but a crash is none of a program that works.
 */
static void stopped_process_ended(struct session *session, struct profile_ending ending) {
    if (ending.how == ENDING_SIGNALED && !session->recording->over)
        session->ending = ending;
    session->recording->over = true;
}

/* By now the process is what it has executed. */
static void note_executed(struct recording *recording, struct text *ret) {
    if (recording->process.local)
        process_maps_executable(recording->process.pid, recording->executed,
                                sizeof(recording->executed));
    if (!recording->executed[0])
        return;
    text_append(ret, ", by ");
    profile_append_printable(ret, recording->executed);
}

static void process_execed(struct session *session) {
    struct text by;
    text_init(&by);
    session_end_tracking(session, "replaced its program by exec");
    session->ending.how = ENDING_EXECED;
    note_executed(session->recording, &by);
    host_message(
        &session->host,
        "tmpalloc: process %lld replaced its program by exec%s, the results before that stay",
        (long long)session->recording->process.pid, text_get(&by));
    text_deinit(&by);
}

static void session_process_stopped(struct session *session, bool signaled) {
    session_engine_stopped(session, signaled);
    session_catches_show(session);
}

static const char *event_name(tmpalloc_event event) {
    static const char *const names[] = {
        [TMPALLOC_EVENT_MODULES] = "modules",         [TMPALLOC_EVENT_EXITED] = "exited",
        [TMPALLOC_EVENT_EXECED] = "execed",           [TMPALLOC_EVENT_STOPPED] = "stopped",
        [TMPALLOC_EVENT_UNLOADING] = "unloading",     [TMPALLOC_EVENT_SIGNALED] = "signaled",
        [TMPALLOC_EVENT_BREAKPOINTS] = "breakpoints",
    };
    return event < sizeof names / sizeof *names ? names[event] : "unknown";
}

static bool is_followed_child(struct session *session, const struct tmpalloc_process *process) {
    const struct recording *recording = session->recording;
    return recording->process.pid != 0 && process->pid != recording->process.pid &&
           (session_is_active(session) || session->state == SESSION_ENDED) &&
           is_child(session, process);
}

/* What concerns another process than the results'; true: there is nothing else to it. */
static bool look_at_other(struct session *session, const struct tmpalloc_process *process,
                          tmpalloc_event event, int *status_ret, struct error *error) {
    if (process->pid == 0) {
        session_hold_prepare(session, process, false);
        return false;
    }
    if (event == TMPALLOC_EVENT_EXITED || event == TMPALLOC_EVENT_EXECED)
        return false;
    if (session_run_begin(session, process))
        return true;
    if (event != TMPALLOC_EVENT_MODULES || !is_followed_child(session, process))
        return false;
    *status_ret = follow_child(session, process, error);
    return true;
}

static void tracked_process_ended(struct session *session, const struct tmpalloc_process *process) {
    process_ended(session, session_ending_told(process, session->recording->process.pid));
    session_hold_prepare(session, process, true);
}

static int tracked_process_event(struct session *session, const struct tmpalloc_process *process,
                                 tmpalloc_event event, struct error *error) {
    switch (event) {
    case TMPALLOC_EVENT_EXITED:
        tracked_process_ended(session, process);
        break;
    case TMPALLOC_EVENT_EXECED:
        process_execed(session);
        session_hold_prepare(session, process, true);
        break;
    case TMPALLOC_EVENT_UNLOADING:
        if (session->engine)
            engine_breakpoint_unloading(session->engine);
        break;
    case TMPALLOC_EVENT_BREAKPOINTS:
        if (session->agent && process->stopped)
            return engine_agent_avoid_breakpoints(session->agent, error);
        break;
    case TMPALLOC_EVENT_STOPPED:
    case TMPALLOC_EVENT_SIGNALED:
        session_process_stopped(session, event == TMPALLOC_EVENT_SIGNALED);
        break;
    case TMPALLOC_EVENT_MODULES:
        break;
    }
    return TMPALLOC_OK;
}

/* What is run instead of the process may be there before the event is; and what ended may have been
 * another one. */
static bool is_gone(struct session *session, const struct tmpalloc_process *process,
                    tmpalloc_event event) {
    const struct tmpalloc_process *tracked = &session->recording->process;
    return (process->pid == 0 && process->target == tracked->target) ||
           (event == TMPALLOC_EVENT_EXITED && parent_of(tracked) == 0);
}

static int handle_event(struct session *session, const struct tmpalloc_process *process,
                        tmpalloc_event event, struct error *error) {
    int64_t pid = session->recording->process.pid;
    bool same = process->pid == pid || is_gone(session, process, event);
    if (event == TMPALLOC_EVENT_MODULES && process->pid != 0 && session_is_active(session))
        return modules_changed(session, process, error);
    if (session->state == SESSION_STOPPED && same && pid != 0 && event == TMPALLOC_EVENT_EXITED)
        stopped_process_ended(session, session_ending_told(process, pid));
    return session_is_active(session) && same && pid != 0
               ? tracked_process_event(session, process, event, error)
               : TMPALLOC_OK;
}

int session_event(struct session *session, tmpalloc_event event, struct error *error) {
    struct tmpalloc_process process;
    session_engine_drop_abandoned(session);
    LOG(LOG_STOP, "event %s", event_name(event));
    if (!session->recording)
        return TMPALLOC_OK;
    int status = host_process(&session->host, &process, error);
    if (status != TMPALLOC_OK || look_at_other(session, &process, event, &status, error))
        return status;
    status = handle_event(session, &process, event, error);
    if (event != TMPALLOC_EVENT_EXITED)
        session_note_untracked(session, &process);
    return status;
}

/* There was no event yet, and there may be none before the user's next words. */
static void look_at_next(struct session *session, const struct tmpalloc_process *process) {
    if (process->pid == 0) {
        session_note_ended(session, process);
        session_hold_prepare(session, process, false);
    } else if (!session_run_begin(session, process))
        session_note_untracked(session, process);
}

void session_poll(struct session *session) {
    struct tmpalloc_process process;
    struct error error = {.text = ""};
    session_engine_drop_abandoned(session);
    session_catches_poll(session);
    if (host_process(&session->host, &process, NULL) != TMPALLOC_OK)
        return;
    bool gone = process.pid == 0 && session->recording && session->recording->process.pid != 0 &&
                parent_of(&session->recording->process) == 0;
    if (session->state == SESSION_STOPPED && gone) /* nothing of ours is left that would tell */
        stopped_process_ended(session, session_ending_told(&process, 0));
    if (session->recording)
        look_at_next(session, &process);
    if (!session_is_active(session))
        session_look_at_core(session, &process);
    else if (session->recording->process.pid == 0)
        return;
    else if (gone) /* else something without a process is selected */
        tracked_process_ended(session, &process);
    else if (process.pid == session->recording->process.pid && process.stopped &&
             refuse_lacking(session, session_refresh(session, &error), &error) != TMPALLOC_OK)
        host_message(&session->host, "tmpalloc: %s", error.text);
    session_compare_source(session, &process);
}

/* One line for all hits: there may be many. */
static void tell_failed_hit(struct session *session, const struct error *error) {
    if (!session->hit_failed)
        host_message(&session->host, "tmpalloc: an event was lost: %s", error->text);
    session->hit_failed = true;
}

int session_hit(struct session *session, uint64_t id) {
    struct error error = {.text = ""};
    int status = session_engine_hit(session, id, &error);
    if (status == TMPALLOC_STOP)
        status = session_catches_hit(session);
    if (status < TMPALLOC_OK)
        status = refuse_lacking(session, status, &error);
    LOG(LOG_STOP, "breakpoint %llu: %s", (unsigned long long)id,
        status == TMPALLOC_STOP ? "the program stops"
        : status == TMPALLOC_OK ? "it goes on"
                                : error.text);
    if (status < TMPALLOC_OK)
        tell_failed_hit(session, &error);
    return status;
}
