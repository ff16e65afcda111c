#include "session/session_runs.h"

#include <stdio.h>

#include "debugger/process_linux.h"
#include "session/session_begin.h"
#include "session/session_engine.h"
#include "session/session_engine_create.h"
#include "session/session_results.h"
#include "session/session_state.h"
#include "session/session_watch.h"
#include "support/log.h"

/* A server has no way to tell whether it started a process for us. */
void session_hold_begin(struct session *session, const struct tmpalloc_process *process) {
    const struct session_options *options = &session->options;
    session->hold = (struct session_hold){
        .active = !options->once && !options->only_this_thread,
        .remote = !process->local && process->pid == 0,
        .target = process->target,
        .ended_pid = process->ended_pid,
    };
    session->untracked = (struct session_untracked){0};
}

void session_hold_end(struct session *session) {
    session->hold.active = false;
    agent_preload_end(&session->preload);
}

void session_hold_prepare(struct session *session, const struct tmpalloc_process *process,
                          bool always) {
    struct session_hold *hold = &session->hold;
    struct tmpalloc_process next = *process;
    struct elf_stamp stamp = {0};
    next.pid = 0;
    elf_path_stamp(next.executable, &stamp);
    bool same = !always && elf_stamp_equal(&stamp, &hold->program);
    if (!hold->active || next.target != hold->target || same)
        return;
    hold->program = stamp;
    if (!session_engine_can_preload(session, &next))
        agent_preload_end(&session->preload);
    else if (!session->preload.host)
        session_engine_preload(session, session->recording, NULL);
}

bool session_is_run(const struct session *session, const struct tmpalloc_process *process) {
    if (process->pid == 0 || process->target != session->hold.target)
        return false;
    return process->local ? process_is_started_by_tracer(process->pid) : session->hold.remote;
}

bool session_run_begin(struct session *session, const struct tmpalloc_process *process) {
    struct error error = {.text = ""};
    if (!session->hold.active || session_is_active(session) ||
        process->pid == session->recording->process.pid || process->pid == session->untracked.pid ||
        !session_is_run(session, process))
        return false;
    LOG(LOG_SESSION, "start holds for process %lld", (long long)process->pid);
    int status = process->refusal[0] ? error_set(&error, TMPALLOC_E_STATE, "%s", process->refusal)
                                     : session_begin(session, process, ORIGIN_RUN, &error);
    if (status != TMPALLOC_OK) {
        session_set_untracked(session, process->pid, error.text);
        host_message(&session->host, "tmpalloc: process %lld is not tracked: %s",
                     (long long)process->pid, error.text);
    }
    return true;
}

void session_note_untracked(struct session *session, const struct tmpalloc_process *process) {
    const struct tmpalloc_process *source = &session->recording->process;
    bool waits = session->hold.active || session->state == SESSION_WAITING;
    if (process->pid == 0 || process->core_file[0] || process->pid == source->pid ||
        process->pid == session->untracked.pid || process->target != session->hold.target ||
        session->state == SESSION_TRACKING)
        return;
    session_set_untracked(session, process->pid, "");
    if (waits && !session_is_run(session, process))
        host_message(&session->host,
                     "tmpalloc: process %lld is not tracked: it needs a 'tmpalloc start' of its "
                     "own, as what the debugger has not started itself",
                     (long long)process->pid);
}

void session_note_ended(struct session *session, const struct tmpalloc_process *process) {
    int64_t pid = process->ended_pid;
    if (pid != 0 && pid != session->hold.ended_pid && pid != session->recording->process.pid &&
        pid != session->untracked.pid && process->target == session->hold.target)
        session_set_untracked(session, pid, "");
}

void session_end_tracking(struct session *session, const char *what) {
    session_watch_end(session);
    session_engine_destroy(session);
    session->catches.engine.caught_count = 0;
    session_set_state(session, SESSION_ENDED, NULL);
    session->recording->over = true;
    session->recording->running = session->recording->unselected = false;
    snprintf(session->ended, sizeof(session->ended), "%s", what);
    host_forget_process(&session->host);
}

void session_refuse_run(struct session *session, const char *why) {
    int64_t pid = session->recording->process.pid;
    session->hold.lacks = false;
    session_end_tracking(session, "is not tracked");
    session_set_untracked(session, pid, why);
    host_message(&session->host, "tmpalloc: process %lld is not tracked: %s", (long long)pid, why);
}
