#include "session/session_control.h"

#include <string.h>

#include "reports/report.h"
#include "session/session_begin.h"
#include "session/session_catch.h"
#include "session/session_copies.h"
#include "session/session_engine.h"
#include "session/session_engine_create.h"
#include "session/session_marks.h"
#include "session/session_results.h"
#include "session/session_runs.h"
#include "session/session_state.h"
#include "session/session_status.h"
#include "session/session_watch.h"
#include "support/memory.h"

void session_init(struct session *session, const struct tmpalloc_host *host) {
    *session = (struct session){.threshold = SESSION_DEFAULT_THRESHOLD, .rows = REPORT_ROWS_FIT};
    host_init(&session->host, host);
    text_init(&session->missing);
    session_copies_init(session);
    session_catches_init(session);
    text_init(&session->loaded_from);
    session_watch_init(session);
}

void session_deinit(struct session *session) {
    session_engine_drop_abandoned(session);
    session_engine_destroy(session);
    agent_preload_end(&session->preload);
    session_unload(session);
    text_deinit(&session->loaded_from);
    recording_destroy(session->recording);
    session_options_deinit(&session->options);
    session_catches_deinit(session);
    session_copies_deinit(session);
    session_marks_deinit(session);
    charge_settings_deinit(&session->charge);
    memory_release(session->suppress);
    text_deinit(&session->missing);
    host_deinit(&session->host);
}

/* Where it waits for a program to be run and another process is there, it is about that one now. */
static bool is_about_another(const struct session *session,
                             const struct tmpalloc_process *process) {
    return session->state == SESSION_WAITING && session->recording->process.pid == 0 &&
           process->pid != 0;
}

static int check_start(const struct session *session, const struct session_options *options,
                       const struct tmpalloc_process *process, struct error *error) {
    if (session_is_active(session) && !is_about_another(session, process))
        return error_set(error, TMPALLOC_E_STATE,
                         "already started with the %s engine: 'tmpalloc stop' ends that",
                         session->recording->engine);
    if (process->refusal[0])
        return error_set(error, TMPALLOC_E_STATE, "nothing can be tracked: %s", process->refusal);
    if (process->core_file[0])
        return error_set(error, TMPALLOC_E_STATE, "a core file can't be tracked: run the program");
    if (process->pid == 0 && process->executable[0] == '\0')
        return error_set(error, TMPALLOC_E_STATE,
                         "start needs a program: name its file to the debugger, or attach");
    if (process->pid != 0 && !process->stopped)
        return session_refuse_running(process->pid, error);
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
    if (options->engine == SESSION_HARDWARE && options->object_allocator)
        return error_set(error, TMPALLOC_E_ARGUMENT,
                         "--allocator python needs more breakpoints than there are debug "
                         "registers: use --engine breakpoint");
    return TMPALLOC_OK;
}

static void end_waiting(struct session *session) {
    session_hold_end(session);
    if (!session_is_active(session))
        return;
    session_engine_destroy(session);
    session_set_state(session, SESSION_STOPPED, NULL);
}

int session_start(struct session *session, struct session_options *options, struct text *text,
                  struct error *error) {
    struct tmpalloc_process process;
    int status = host_process(&session->host, &process, error);
    if (status == TMPALLOC_OK)
        status = check_start(session, options, &process, error);
    if (status == TMPALLOC_OK)
        status = session_catches_check(session, options->max_threshold, error);
    if (status != TMPALLOC_OK) {
        session_options_deinit(options);
        return status;
    }
    end_waiting(session);
    session_options_deinit(&session->options);
    session->options = *options;
    session_hold_begin(session, &process);
    status = session_begin(session, &process, ORIGIN_START, error);
    if (status != TMPALLOC_OK) {
        session_hold_end(session);
        return status;
    }
    session_hold_prepare(session, &process, true);
    session_append_state(session, text);
    text_append(text, "\n");
    if (session->options.only_this_thread)
        text_append(text,
                    "tmpalloc: start --this-thread holds for this process, not for later runs\n");
    return TMPALLOC_OK;
}

static int stop_process(struct session *session, struct error *error) {
    session_watch_end(session);
    int status = session_engine_stop(session, error);
    if (status != TMPALLOC_OK)
        return status;
    session->recording->whole = false;
    status = session_set_state(session, SESSION_STOPPED, error);
    if (status != TMPALLOC_OK)
        return status;
    if (recording_has_results(session->recording))
        status = recording_mark(session->recording, SESSION_STOP_MARK, error);
    return status;
}

int session_stop(struct session *session, struct text *text, struct error *error) {
    bool active = session_is_active(session);
    if (!active && !session->hold.active)
        return error_set(error, TMPALLOC_E_STATE, "not tracking: 'tmpalloc start' begins");
    int status = active ? stop_process(session, error) : TMPALLOC_OK;
    if (status != TMPALLOC_OK)
        return status;
    session_hold_end(session);
    text_append(text, "tmpalloc: stopped, the results stay\n");
    return TMPALLOC_OK;
}

int session_reset(struct session *session, struct text *text, struct error *error) {
    int status = session_need_latest(session, error);
    if (status != TMPALLOC_OK)
        return status;
    status = session_engine_reset(session, error);
    if (status != TMPALLOC_OK)
        return status;
    recording_forget_marks(session->recording);
    text_append(text, "tmpalloc: results are zero again\n");
    return TMPALLOC_OK;
}
