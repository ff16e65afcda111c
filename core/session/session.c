#include "session/session.h"

#include <stdio.h>

#include "support/memory.h"

void session_options_deinit(struct session_options *options) {
    memory_release(options->within);
    memory_release(options->custom);
    suppressions_destroy(options->suppressions);
    *options = (struct session_options){0};
}

bool session_is_active(const struct session *session) {
    return session->state == SESSION_WAITING || session->state == SESSION_TRACKING;
}

const char *session_engine_name(enum session_engine engine) {
    static const char *const names[] = {"auto", "agent", "breakpoint", "hardware"};
    return names[engine];
}

bool session_is_incomplete(const struct session *session) {
    const struct recording *recording = session->recording;
    if (session->state != SESSION_ENDED || recording->age == RECORDING_CORE)
        return false;
    return session->ending.how == ENDING_UNKNOWN ||
           (recording->copied && recording->age != RECORDING_EXIT &&
            recording->age != RECORDING_EXEC);
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

/* The process may be gone by now. */
static int refuse_untracked(const struct session *session, struct error *error) {
    const struct session_untracked *untracked = &session->untracked;
    const struct recording *recording = session->recording;
    char kept[96] = "";
    if (recording->process.pid != untracked->pid && recording_has_results(recording))
        snprintf(kept, sizeof(kept), ", 'tmpalloc save' keeps the results of process %lld",
                 (long long)recording->process.pid);
    return error_set(
        error, TMPALLOC_E_STATE, "process %lld is not tracked%s%s: 'tmpalloc start' begins%s",
        (long long)untracked->pid, untracked->why[0] ? ", " : "", untracked->why, kept);
}

int session_need_latest(const struct session *session, struct error *error) {
    int status = session_need_recording(session, error);
    return status == TMPALLOC_OK && session->untracked.pid != 0 ? refuse_untracked(session, error)
                                                                : status;
}

int session_refuse_running(int64_t pid, struct error *error) {
    return error_set(error, TMPALLOC_E_STATE, "process %lld is running: interrupt it first",
                     (long long)pid);
}

int session_refuse_unselected(int64_t pid, struct error *error) {
    return error_set(error, TMPALLOC_E_STATE, "process %lld is tracked, and not selected",
                     (long long)pid);
}

void session_set_untracked(struct session *session, int64_t pid, const char *why) {
    session->untracked.pid = pid;
    snprintf(session->untracked.why, sizeof(session->untracked.why), "%s", why);
}

int session_check_threshold(uint32_t threshold, uint32_t highest, struct error *error) {
    if (threshold <= highest)
        return TMPALLOC_OK;
    return error_set(error, TMPALLOC_E_ARGUMENT,
                     "threshold %u is above %u, the highest recorded: 'tmpalloc start "
                     "--max-threshold %u' records it",
                     threshold, highest, threshold);
}

const struct entry_points *session_entry_points(const struct session *session, size_t *active_ret) {
    const struct entry_points *entries = session->agent
                                             ? engine_agent_entry_points(session->agent)
                                             : engine_breakpoint_entry_points(session->engine);
    *active_ret = session->agent ? entries->count : engine_breakpoint_active(session->engine);
    return entries;
}
