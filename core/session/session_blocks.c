#include "session/session_blocks.h"

/* Whether blocks of the process can be known now. */
static int check_process(const struct session *session, const struct tmpalloc_process *process,
                         struct error *error) {
    const struct recording *recording = session->recording;
    long long pid = recording->process.pid;
    if (pid == 0 || session->state == SESSION_WAITING)
        return error_set(error, TMPALLOC_E_STATE,
                         "no blocks are known yet: tracking begins when the program %s",
                         pid == 0 ? "starts" : "has an allocator");
    if (session->state == SESSION_STOPPED)
        return error_set(error, TMPALLOC_E_STATE,
                         "blocks are known while tracking only: 'tmpalloc start' goes on");
    if (session->state == SESSION_ENDED)
        return error_set(error, TMPALLOC_E_STATE, "process %lld %s: its blocks are gone", pid,
                         session->ended);
    if (process->pid != pid)
        return session_refuse_unselected(pid, error);
    if (!process->stopped)
        return session_refuse_running(pid, error);
    return TMPALLOC_OK;
}

int session_check_blocks(struct session *session, struct error *error) {
    struct tmpalloc_process process;
    int status = session_need_latest(session, error);
    if (status != TMPALLOC_OK || session->recording->age == RECORDING_CORE)
        return status;
    status = host_process(&session->host, &process, error);
    if (status != TMPALLOC_OK)
        return status;
    status = check_process(session, &process, error);
    if (status != TMPALLOC_OK)
        return status;
    if (session->engine)
        engine_breakpoint_remove_exited(session->engine);
    return TMPALLOC_OK;
}

int64_t session_this_tid(struct session *session) {
    struct tmpalloc_thread thread;
    return host_current_thread(&session->host, &thread, NULL) == TMPALLOC_OK ? thread.tid : 0;
}
