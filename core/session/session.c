#include "session/session.h"

#include <stdio.h>
#include <string.h>

#include "profile/location_filter.h"
#include "profile/profile_threshold.h"
#include "session/session_engine.h"
#include "support/memory.h"

void session_init(struct session *session, const struct tmpalloc_host *host) {
    *session = (struct session){.threshold = SESSION_DEFAULT_THRESHOLD};
    host_init(&session->host, host);
    text_init(&session->missing);
    session_copies_init(session);
    session_catches_init(session);
    text_init(&session->loaded_from);
    session_watch_init(session);
}

void session_options_deinit(struct session_options *options) {
    memory_release(options->within);
    memory_release(options->custom);
    suppressions_destroy(options->suppressions);
    *options = (struct session_options){0};
}

void session_deinit(struct session *session) {
    session_engine_forget_left(session);
    session_engine_destroy(session);
    session_unload(session);
    text_deinit(&session->loaded_from);
    recording_destroy(session->recording);
    session_options_deinit(&session->options);
    session_catches_deinit(session);
    session_copies_deinit(session);
    text_deinit(&session->missing);
    host_deinit(&session->host);
}

bool session_is_active(const struct session *session) {
    return session->state == SESSION_WAITING || session->state == SESSION_TRACKING;
}

static void end_tracking(struct session *session, const char *what) {
    session_watch_end(session);
    session_engine_destroy(session);
    session->catches.engine.caught_count = 0;
    session->state = SESSION_ENDED;
    snprintf(session->ended, sizeof(session->ended), "%s", what);
    host_forget_process(&session->host);
}

/* Looks at the process' files and where allocators are now. */
static int refresh(struct session *session, struct error *error) {
    bool changed = false;
    struct recording *recording = session->recording;
    int status = recording_update_modules(recording, &recording->process, &changed, error);
    if (status != TMPALLOC_OK || (!changed && session->state == SESSION_TRACKING))
        return status;
    status = session_engine_refresh(session, error);
    if (!session->engine && !session->agent)
        session->state = SESSION_STOPPED;
    return status;
}

static int check_start(const struct session *session, const struct session_options *options,
                       const struct tmpalloc_process *process, struct error *error) {
    if (session_is_active(session))
        return error_set(error, TMPALLOC_E_STATE,
                         "already started with the %s engine: 'tmpalloc stop' ends that",
                         session->recording->engine);
    if (process->core_file[0])
        return error_set(error, TMPALLOC_E_STATE, "a core file can't be tracked: run the program");
    if (process->pid == 0 && process->executable[0] == '\0')
        return error_set(error, TMPALLOC_E_STATE,
                         "start needs a program: name its file to the debugger, or attach");
    if (process->pid != 0 && !process->stopped)
        return error_set(error, TMPALLOC_E_STATE, "process %lld is running: interrupt it first",
                         (long long)process->pid);
    if (options->only_this_thread && process->pid == 0)
        return error_set(error, TMPALLOC_E_STATE,
                         "--this-thread needs a thread: run to a stop and start there");
    if (options->engine == SESSION_HARDWARE && process->pid == 0)
        return error_set(error, TMPALLOC_E_STATE,
                         "the hardware engine needs a process whose debug registers can be tried: "
                         "run to a stop (starti, break main) and start there");
    if (options->engine == SESSION_HARDWARE && options->within)
        return error_set(error, TMPALLOC_E_ARGUMENT,
                         "--within needs more breakpoints than there are debug registers: use "
                         "--engine breakpoint");
    if (options->engine == SESSION_HARDWARE && options->objects)
        return error_set(error, TMPALLOC_E_ARGUMENT,
                         "--allocator python needs more breakpoints than there are debug "
                         "registers: use --engine breakpoint");
    return TMPALLOC_OK;
}

/* Whether the recording goes on when this process is started again. */
static bool is_continued(const struct session *session, const struct tmpalloc_process *process) {
    const struct recording *recording = session->recording;
    return recording && session->state == SESSION_STOPPED && process->pid != 0 &&
           recording->process.pid == process->pid;
}

static int check_continued(const struct session *session, struct error *error) {
    const struct recording *recording = session->recording;
    uint32_t highest = recording_max_threshold(recording);
    if (highest != session->options.max_threshold)
        return error_set(error, TMPALLOC_E_STATE,
                         "the results of this process were recorded up to threshold %u: start "
                         "with --max-threshold %u continues them",
                         highest, highest);
    if (recording->copied != (session->chosen == SESSION_AGENT))
        return error_set(error, TMPALLOC_E_STATE,
                         "the results of this process were recorded with the %s engine: start "
                         "with --engine %s continues them",
                         recording->engine, recording->engine);
    return TMPALLOC_OK;
}

/* Results are continued when the same process is started again, else a new recording begins. */
static int choose_recording(struct session *session, bool continues, struct error *error,
                            struct recording **ret) {
    *ret = session->recording;
    if (continues)
        return check_continued(session, error);
    return recording_create(&session->host, session_engine_name(session->chosen),
                            session->options.max_threshold, error, ret);
}

static void restore(struct session *session, struct recording *old, struct recording *tried,
                    enum session_state state) {
    session_engine_destroy(session);
    session->recording = old;
    session->state = state;
    if (tried != old)
        recording_destroy(tried);
}

/* Auto stays with the engine that the results at hand are from. */
static int choose_engine(struct session *session, const struct tmpalloc_process *process,
                         bool continues, struct error *error) {
    if (continues && session->options.engine == SESSION_AUTO && !session->recording->copied)
        return TMPALLOC_OK; /* chosen, and why, as before */
    return session_engine_choose(session, process, error);
}

/* A forked child counts from zero by itself, and may have begun to. */
static int begin(struct session *session, const struct tmpalloc_process *process, bool forked,
                 struct error *error) {
    struct recording *recording = NULL, *old = session->recording;
    enum session_state state = session->state;
    bool continues = is_continued(session, process);
    int status = choose_engine(session, process, continues, error);
    if (status == TMPALLOC_OK)
        status = choose_recording(session, continues, error, &recording);
    if (status != TMPALLOC_OK)
        return status;
    if (recording != old)
        session_catches_begin(session);
    unwinder_set_depth(recording->unwinder, session->options.stack_depth);
    if (process->pid != 0)
        recording_set_process(recording, process);
    status = session_engine_create(session, recording, process, continues || forked, error);
    session->recording = recording;
    session->state = SESSION_WAITING;
    session->execed = false;
    session->signal = 0;
    if (status == TMPALLOC_OK && process->pid != 0)
        status = refresh(session, error);
    if (status != TMPALLOC_OK)
        restore(session, old, recording, state);
    else if (old != recording)
        recording_destroy(old);
    return status;
}

int session_start(struct session *session, struct session_options *options, struct text *text,
                  struct error *error) {
    struct tmpalloc_process process;
    int status = host_process(&session->host, &process, error);
    if (status == TMPALLOC_OK)
        status = check_start(session, options, &process, error);
    if (status != TMPALLOC_OK) {
        session_options_deinit(options);
        return status;
    }
    session_options_deinit(&session->options);
    session->options = *options;
    session_copies_forget(session);
    text_clear(&session->missing);
    session->hit_failed = false;
    status = begin(session, &process, false, error);
    if (status != TMPALLOC_OK)
        return status;
    session_unload(session);
    session_append_state(session, text);
    text_append(text, "\n");
    return TMPALLOC_OK;
}

int session_stop(struct session *session, struct text *text, struct error *error) {
    if (!session_is_active(session))
        return error_set(error, TMPALLOC_E_STATE, "not tracking: 'tmpalloc start' begins");
    session_watch_end(session);
    int status = session_engine_stop(session, error);
    if (status != TMPALLOC_OK)
        return status;
    session->state = SESSION_STOPPED;
    text_append(text, "tmpalloc: stopped, the results stay\n");
    return TMPALLOC_OK;
}

int session_need_recording(const struct session *session, struct error *error) {
    if (session->loaded)
        return error_set(error, TMPALLOC_E_STATE,
                         "the results are from %s, not of a process: 'tmpalloc start' begins anew",
                         text_get(&session->loaded_from));
    if (session->recording && !session->core_problem[0])
        return TMPALLOC_OK;
    return error_set(error, TMPALLOC_E_STATE, "nothing recorded yet: %s",
                     session->core_problem[0] ? session->core_problem : "'tmpalloc start' begins");
}

int session_reset(struct session *session, struct text *text, struct error *error) {
    int status = session_need_recording(session, error);
    if (status != TMPALLOC_OK)
        return status;
    status = session_engine_reset(session, error);
    if (status != TMPALLOC_OK)
        return status;
    recording_forget_marks(session->recording);
    text_append(text, "tmpalloc: results are zero again\n");
    return TMPALLOC_OK;
}

int session_mark(struct session *session, const char *name, struct text *text,
                 struct error *error) {
    int status = session_need_recording(session, error);
    if (status == TMPALLOC_OK)
        status = session_engine_update(session, error);
    if (status == TMPALLOC_OK)
        status = recording_mark(session->recording, name, error);
    if (status == TMPALLOC_OK)
        text_printf(text, "tmpalloc: mark %s set\n", name);
    return status;
}

int session_snapshot(struct session *session, struct snapshot *ret, struct error *error) {
    int status = session_need_recording(session, error);
    if (status == TMPALLOC_OK)
        status = session_engine_update(session, error);
    return status == TMPALLOC_OK ? recording_snapshot(session->recording, ret, error) : status;
}

int session_check_threshold(uint32_t threshold, uint32_t highest, struct error *error) {
    if (threshold <= highest)
        return TMPALLOC_OK;
    return error_set(error, TMPALLOC_E_ARGUMENT,
                     "threshold %u is above %u, the highest recorded: 'tmpalloc start "
                     "--max-threshold %u' records it",
                     threshold, highest, threshold);
}

static int loaded_profile(const struct session *session, const struct recording_query *query,
                          struct error *error, struct profile **ret) {
    if (query->since)
        return error_set(error, TMPALLOC_E_ARGUMENT, "no mark %s: the results are from %s",
                         query->since, text_get(&session->loaded_from));
    return profile_at(session->loaded, query->threshold, query->native_frames, error, ret);
}

int session_profile(struct session *session, const struct recording_query *query,
                    struct error *error, struct profile **ret) {
    if (session->loaded)
        return loaded_profile(session, query, error, ret);
    int status = session_need_recording(session, error);
    if (status != TMPALLOC_OK)
        return status;
    session_tell_source(session);
    uint32_t highest = recording_max_threshold(session->recording);
    status = session_check_threshold(query->threshold, highest, error);
    if (status == TMPALLOC_OK)
        status = session_engine_update(session, error);
    if (status != TMPALLOC_OK)
        return status;
    status = recording_profile(session->recording, query, error, ret);
    if (status == TMPALLOC_OK)
        (*ret)->incomplete = session_is_incomplete(session);
    if (status == TMPALLOC_OK)
        (*ret)->limited = session->recording->limited;
    return status;
}

/* --- events ---------------------------------------------------------------------------------- */

static void tell_found(struct session *session) {
    struct text line;
    text_init(&line);
    session_append_found(session, &line);
    host_message(&session->host, "%s", text_get(&line));
    text_deinit(&line);
}

static int modules_changed(struct session *session, const struct tmpalloc_process *process,
                           struct error *error) {
    bool waiting = session->state == SESSION_WAITING;
    if (session->recording->process.pid == 0)
        recording_set_process(session->recording, process);
    if (session->recording->process.pid != process->pid)
        return TMPALLOC_OK;
    int status = refresh(session, error);
    if (status == TMPALLOC_OK && waiting && session->state == SESSION_TRACKING)
        tell_found(session);
    return status;
}

/* 0: the process has ended, or is not on this machine.  proc(5): in /proc/PID/stat the state and
 * the parent follow the name in parentheses. */
static int64_t parent_of(const struct tmpalloc_process *process) {
    char path[64], line[512] = "";
    if (!process->local)
        return 0;
    snprintf(path, sizeof(path), "/proc/%lld/stat", (long long)process->pid);
    FILE *file = fopen(path, "re");
    if (!file)
        return 0;
    bool read = fgets(line, sizeof(line), file) != NULL;
    fclose(file);
    const char *end_of_name = read ? strrchr(line, ')') : NULL;
    char state = 'X';
    long long parent = 0;
    if (end_of_name)
        sscanf(end_of_name, ") %c %lld", &state, &parent);
    return state == 'X' || state == 'Z' ? 0 : parent;
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
        end_tracking(session, "was detached");
    int status = begin(session, child, true, error);
    if (status == TMPALLOC_OK)
        host_message(&session->host,
                     "tmpalloc: following child %lld of process %lld, its results begin at zero",
                     (long long)child->pid, (long long)parent);
    return status;
}

/* A copy that was made when it was about to execute another program is one of many, if that failed.
 */
static void process_ended(struct session *session, int32_t signal) {
    session->signal = signal;
    if (session->recording->age == RECORDING_EXEC)
        session->recording->age = RECORDING_STOP;
    bool never_found = session->state == SESSION_WAITING && !session->agent;
    end_tracking(session, "ended or was detached");
    if (never_found)
        host_message(&session->host,
                     "tmpalloc: process %lld ended, no allocator was found in it (a static "
                     "executable without symbols?)",
                     (long long)session->recording->process.pid);
}

static void process_execed(struct session *session) {
    end_tracking(session, "replaced its program by exec");
    session->execed = true;
    host_message(
        &session->host,
        "tmpalloc: process %lld replaced its program by exec, the results before that stay",
        (long long)session->recording->process.pid);
}

static void stopped(struct session *session, bool signaled) {
    session_engine_stopped(session, signaled);
    session_catches_show(session);
}

int session_event(struct session *session, tmpalloc_event event, struct error *error) {
    struct tmpalloc_process process;
    session_engine_forget_left(session);
    int status = host_process(&session->host, &process, error);
    if (status != TMPALLOC_OK || !session->recording)
        return status;
    int64_t pid = session->recording->process.pid;
    /* What is run instead of the process may be there before the event is. */
    bool same = process.pid == 0 || process.pid == pid ||
                (event == TMPALLOC_EVENT_EXITED && parent_of(&session->recording->process) == 0);
    if (event == TMPALLOC_EVENT_MODULES && process.pid != 0) {
        if (!same && pid != 0 && (session_is_active(session) || session->state == SESSION_ENDED) &&
            is_child(session, &process))
            return follow_child(session, &process, error);
        if (session_is_active(session))
            return modules_changed(session, &process, error);
    }
    if (session_is_active(session) && same && pid != 0) {
        if (event == TMPALLOC_EVENT_EXITED)
            process_ended(session, process.pid == 0 || process.pid == pid ? process.signal : 0);
        else if (event == TMPALLOC_EVENT_EXECED)
            process_execed(session);
        else if (event == TMPALLOC_EVENT_UNLOADING && session->engine)
            engine_breakpoint_unloading(session->engine);
        else if (event == TMPALLOC_EVENT_BREAKPOINTS && session->agent && process.stopped)
            return engine_agent_avoid_breakpoints(session->agent, error);
        else if (event == TMPALLOC_EVENT_STOPPED || event == TMPALLOC_EVENT_SIGNALED)
            stopped(session, event == TMPALLOC_EVENT_SIGNALED);
    }
    return TMPALLOC_OK;
}

void session_poll(struct session *session) {
    struct tmpalloc_process process;
    struct error error = {.text = ""};
    session_engine_forget_left(session);
    if (host_process(&session->host, &process, NULL) != TMPALLOC_OK)
        return;
    if (!session_is_active(session))
        session_look_at_core(session, &process);
    else if (session->recording->process.pid == 0)
        return;
    else if (process.pid == 0 && parent_of(&session->recording->process) == 0)
        process_ended(session, process.signal); /* else something without a process is selected */
    else if (process.pid == session->recording->process.pid && process.stopped &&
             refresh(session, &error) != TMPALLOC_OK)
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
        session_catches_hit(session);
    else if (status != TMPALLOC_OK)
        tell_failed_hit(session, &error);
    return status;
}

int session_count(struct session *session, const regex_t *location, uint64_t *count_ret,
                  uint64_t *bytes_ret, struct error *error) {
    struct profile *profile;
    const struct recording_query query = {.threshold = session->threshold};
    int status = session_profile(session, &query, error, &profile);
    if (status != TMPALLOC_OK) /* nothing recorded, or not up to that threshold */
        return status == TMPALLOC_E_ARGUMENT ? TMPALLOC_E_STATE : status;
    struct text scratch;
    text_init(&scratch);
    *count_ret = *bytes_ret = 0;
    for (size_t i = 0; i < profile->site_count; i++) {
        const struct profile_site *site = &profile->sites[i];
        if (!location_matches(location, profile_location(site), &scratch))
            continue;
        *count_ret += site->count;
        *bytes_ret += site->bytes;
    }
    text_deinit(&scratch);
    profile_destroy(profile);
    return TMPALLOC_OK;
}
