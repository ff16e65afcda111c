#include "session.h"

#include <stdio.h>
#include <string.h>

#include "memory.h"

void session_init(struct session *session, const struct tmpalloc_host *host) {
    *session = (struct session){.threshold = SESSION_DEFAULT_THRESHOLD};
    host_init(&session->host, host);
    text_init(&session->missing);
}

void session_options_deinit(struct session_options *options) {
    memory_release(options->within);
    memory_release(options->custom);
    *options = (struct session_options){0};
}

void session_deinit(struct session *session) {
    engine_breakpoint_destroy(session->engine);
    recording_destroy(session->recording);
    session_options_deinit(&session->options);
    text_deinit(&session->missing);
    host_deinit(&session->host);
}

static bool is_active(const struct session *session) {
    return session->state == SESSION_WAITING || session->state == SESSION_TRACKING;
}

static const char *engine_name(enum tmpalloc_breakpoint_kind kind) {
    return kind == TMPALLOC_HARDWARE ? "hardware" : "breakpoint";
}

static void end_tracking(struct session *session, const char *what) {
    engine_breakpoint_destroy(session->engine);
    session->engine = NULL;
    session->state = SESSION_ENDED;
    snprintf(session->ended, sizeof(session->ended), "%s", what);
    host_forget_process(&session->host);
}

/* Looks at the process' files and sets breakpoints where allocators are now. */
static int refresh(struct session *session, struct error *error) {
    struct recording *recording = session->recording;
    bool changed = false;
    int status = recording_update_modules(recording, &changed, error);
    if (status != TMPALLOC_OK || (!changed && session->state == SESSION_TRACKING))
        return status;
    status = engine_breakpoint_refresh(session->engine, &recording->process, error);
    text_clear(&session->missing);
    if (status == TMPALLOC_E_STATE) {
        text_append(&session->missing, error->text);
        status = TMPALLOC_OK;
    }
    if (status == TMPALLOC_OK)
        session->state =
            engine_breakpoint_active(session->engine) > 0 ? SESSION_TRACKING : SESSION_WAITING;
    return status;
}

static int find_only_thread(struct session *session, uint64_t *ret, struct error *error) {
    *ret = 0;
    if (!session->options.only_this_thread)
        return TMPALLOC_OK;
    struct tmpalloc_thread thread;
    int status = host_current_thread(&session->host, &thread, error);
    if (status != TMPALLOC_OK)
        return error_set(error, status,
                         "--this-thread needs a thread: run to a stop and start there");
    *ret = thread.key;
    return TMPALLOC_OK;
}

static int create_engine(struct session *session, struct recording *recording,
                         struct error *error) {
    const struct session_options *options = &session->options;
    struct engine_breakpoint_options engine_options = {
        .kind = options->kind,
        .entries = {options->custom, options->custom_count, options->mappings},
        .within = options->within,
    };
    int status = find_only_thread(session, &engine_options.only_thread, error);
    if (status != TMPALLOC_OK)
        return status;
    const struct engine_parts parts = {&session->host, recording->modules, recording->unwinder,
                                       recording->tracker};
    return engine_breakpoint_create(&parts, &engine_options, error, &session->engine);
}

static int check_start(const struct session *session, const struct session_options *options,
                       const struct tmpalloc_process *process, struct error *error) {
    if (is_active(session))
        return error_set(error, TMPALLOC_E_STATE,
                         "already started with the %s engine: 'tmpalloc stop' ends that",
                         session->recording->engine);
    if (process->pid != 0 && !process->stopped)
        return error_set(error, TMPALLOC_E_STATE, "process %lld is running: interrupt it first",
                         (long long)process->pid);
    if (options->only_this_thread && process->pid == 0)
        return error_set(error, TMPALLOC_E_STATE,
                         "--this-thread needs a thread: run to a stop and start there");
    if (options->kind == TMPALLOC_HARDWARE && process->pid == 0)
        return error_set(error, TMPALLOC_E_STATE,
                         "the hardware engine needs a process whose debug registers can be tried: "
                         "run to a stop (starti, break main) and start there");
    if (options->kind == TMPALLOC_HARDWARE && options->within)
        return error_set(error, TMPALLOC_E_ARGUMENT,
                         "--within needs more breakpoints than there are debug registers: use "
                         "--engine breakpoint");
    return TMPALLOC_OK;
}

/* Results are continued when the same process is started again, else a new recording begins. */
static int choose_recording(struct session *session, const struct tmpalloc_process *process,
                            struct error *error, struct recording **ret) {
    struct recording *old = session->recording;
    const struct session_options *options = &session->options;
    if (old && session->state == SESSION_STOPPED && old->process.pid == process->pid &&
        process->pid != 0) {
        if (tracker_max_threshold(old->tracker) != options->max_threshold)
            return error_set(error, TMPALLOC_E_STATE,
                             "the results of this process were recorded up to threshold %u: start "
                             "with --max-threshold %u continues them",
                             tracker_max_threshold(old->tracker),
                             tracker_max_threshold(old->tracker));
        old->engine = engine_name(options->kind);
        *ret = old;
        return TMPALLOC_OK;
    }
    return recording_create(&session->host, engine_name(options->kind), options->max_threshold,
                            error, ret);
}

static void restore(struct session *session, struct recording *old, struct recording *tried,
                    enum session_state state) {
    engine_breakpoint_destroy(session->engine);
    session->engine = NULL;
    session->recording = old;
    session->state = state;
    if (tried != old)
        recording_destroy(tried);
}

static int begin(struct session *session, const struct tmpalloc_process *process,
                 struct error *error) {
    struct recording *recording;
    int status = choose_recording(session, process, error, &recording);
    if (status != TMPALLOC_OK)
        return status;
    struct recording *old = session->recording;
    enum session_state state = session->state;
    unwinder_set_depth(recording->unwinder, session->options.stack_depth);
    status = create_engine(session, recording, error);
    session->recording = recording;
    session->state = SESSION_WAITING;
    if (status == TMPALLOC_OK && process->pid != 0) {
        recording_set_process(recording, process);
        status = refresh(session, error);
    }
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
    text_clear(&session->missing);
    status = begin(session, &process, error);
    if (status != TMPALLOC_OK)
        return status;
    session_append_state(session, text);
    text_append(text, "\n");
    return TMPALLOC_OK;
}

int session_stop(struct session *session, struct text *text, struct error *error) {
    if (!is_active(session))
        return error_set(error, TMPALLOC_E_STATE, "not tracking: 'tmpalloc start' begins");
    engine_breakpoint_destroy(session->engine);
    session->engine = NULL;
    tracker_flush(session->recording->tracker);
    session->state = SESSION_STOPPED;
    text_append(text, "tmpalloc: stopped, the results stay\n");
    return TMPALLOC_OK;
}

static int need_recording(const struct session *session, struct error *error) {
    if (session->recording)
        return TMPALLOC_OK;
    return error_set(error, TMPALLOC_E_STATE, "nothing recorded yet: 'tmpalloc start' begins");
}

int session_reset(struct session *session, struct text *text, struct error *error) {
    int status = need_recording(session, error);
    if (status != TMPALLOC_OK)
        return status;
    tracker_reset(session->recording->tracker);
    if (session->engine)
        engine_breakpoint_flushed(session->engine);
    recording_forget_marks(session->recording);
    text_append(text, "tmpalloc: results are zero again\n");
    return TMPALLOC_OK;
}

int session_mark(struct session *session, const char *name, struct text *text,
                 struct error *error) {
    int status = need_recording(session, error);
    if (status == TMPALLOC_OK)
        status = recording_mark(session->recording, name, error);
    if (status == TMPALLOC_OK)
        text_printf(text, "tmpalloc: mark %s set\n", name);
    return status;
}

int session_profile(struct session *session, uint32_t threshold, const char *since,
                    struct error *error, struct profile **ret) {
    int status = need_recording(session, error);
    if (status != TMPALLOC_OK)
        return status;
    uint32_t highest = tracker_max_threshold(session->recording->tracker);
    if (threshold > highest)
        return error_set(error, TMPALLOC_E_ARGUMENT,
                         "threshold %u is above %u, the highest recorded: 'tmpalloc start "
                         "--max-threshold %u' records it",
                         threshold, highest, threshold);
    return recording_profile(session->recording, threshold, since, error, ret);
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

/* proc(5): the parent is the fourth field of /proc/PID/stat, after the name in parentheses. */
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
    long long parent = 0;
    return end_of_name && sscanf(end_of_name, ") %*c %lld", &parent) == 1 ? parent : 0;
}

/* The debugger let the tracked process go and follows its child (set follow-fork-mode child). */
static int follow_child(struct session *session, const struct tmpalloc_process *child,
                        struct error *error) {
    int64_t parent = session->recording->process.pid;
    int status = begin(session, child, error);
    if (status == TMPALLOC_OK)
        host_message(&session->host,
                     "tmpalloc: following child %lld of process %lld, its results begin at zero",
                     (long long)child->pid, (long long)parent);
    return status;
}

static void process_ended(struct session *session) {
    bool never_found = session->state == SESSION_WAITING;
    end_tracking(session, "ended or was detached");
    if (never_found)
        host_message(&session->host,
                     "tmpalloc: process %lld ended, no allocator was found in it (a static "
                     "executable without symbols?)",
                     (long long)session->recording->process.pid);
}

static void process_execed(struct session *session) {
    end_tracking(session, "replaced its program by exec");
    host_message(
        &session->host,
        "tmpalloc: process %lld replaced its program by exec, the results before that stay",
        (long long)session->recording->process.pid);
}

int session_event(struct session *session, tmpalloc_event event, struct error *error) {
    struct tmpalloc_process process;
    int status = host_process(&session->host, &process, error);
    if (status != TMPALLOC_OK || !session->recording)
        return status;
    bool same = process.pid == 0 || process.pid == session->recording->process.pid;
    if (event == TMPALLOC_EVENT_MODULES && process.pid != 0) {
        if (is_active(session))
            return modules_changed(session, &process, error);
        if (session->state == SESSION_ENDED && !same &&
            parent_of(&process) == session->recording->process.pid)
            return follow_child(session, &process, error);
    }
    if (is_active(session) && same && session->recording->process.pid != 0) {
        if (event == TMPALLOC_EVENT_EXITED)
            process_ended(session);
        else if (event == TMPALLOC_EVENT_EXECED)
            process_execed(session);
        else if (event == TMPALLOC_EVENT_UNLOADING)
            engine_breakpoint_unloading(session->engine);
    }
    return TMPALLOC_OK;
}

void session_poll(struct session *session) {
    struct tmpalloc_process process;
    if (!is_active(session) || session->recording->process.pid == 0 ||
        host_process(&session->host, &process, NULL) != TMPALLOC_OK)
        return;
    if (process.pid == 0)
        process_ended(session);
    else if (process.pid == session->recording->process.pid && process.stopped)
        refresh(session, NULL);
}

int session_hit(struct session *session, uint64_t id, struct error *error) {
    return session->engine ? engine_breakpoint_hit(session->engine, id, error) : TMPALLOC_OK;
}

int session_count(struct session *session, const regex_t *location, uint64_t *count_ret,
                  uint64_t *bytes_ret, struct error *error) {
    struct profile *profile;
    int status = session_profile(session, session->threshold, NULL, error, &profile);
    if (status != TMPALLOC_OK) /* nothing recorded, or not up to that threshold */
        return status == TMPALLOC_E_ARGUMENT ? TMPALLOC_E_STATE : status;
    const struct report_options options = {.filter = location};
    struct text scratch;
    text_init(&scratch);
    *count_ret = *bytes_ret = 0;
    for (size_t i = 0; i < profile->site_count; i++) {
        const struct profile_site *site = &profile->sites[i];
        if (!report_matches(&options, site->stack.symbols[site->location], &scratch))
            continue;
        *count_ret += site->count;
        *bytes_ret += site->bytes;
    }
    text_deinit(&scratch);
    profile_destroy(profile);
    return TMPALLOC_OK;
}
