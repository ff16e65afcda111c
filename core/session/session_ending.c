#include "session/session_ending.h"

struct profile_ending session_ending_told(const struct tmpalloc_process *process, int64_t pid) {
    bool told = process->pid == 0 || process->pid == pid;
    if (told && process->signal != 0)
        return (struct profile_ending){.how = ENDING_SIGNALED, .number = process->signal};
    if (told && process->exit_status >= 0)
        return (struct profile_ending){.how = ENDING_EXITED, .number = process->exit_status};
    return (struct profile_ending){.how = ENDING_UNKNOWN};
}

/* Of the process that the results are of, when it is there, or its core file. */
static int32_t signal_at_hand(struct session *session) {
    const struct recording *recording = session->recording;
    struct tmpalloc_process process;
    if (host_process(&session->host, &process, NULL) != TMPALLOC_OK)
        return 0;
    bool core =
        session->state == SESSION_ENDED && recording->age == RECORDING_CORE && process.core_file[0];
    bool same = process.pid != 0 && process.pid == recording->process.pid && process.stopped;
    return core || same ? process.signal : 0;
}

static bool is_covered(const struct session *session, const struct profile *profile) {
    const struct recording *recording = session->recording;
    if (recording->within)
        return profile->totals.entries > 0;
    return recording->whole && !session->has_namespaces && profile->totals.dropped == 0 &&
           session->state == SESSION_ENDED && profile->ending.how == ENDING_EXITED &&
           !profile->incomplete;
}

void session_describe_ending(struct session *session, struct profile *profile) {
    profile->incomplete = session_is_incomplete(session);
    profile->ending = session->ending;
    profile->ending.pid = session->recording->process.pid;
    profile->covered = is_covered(session, profile);
    profile->unfound = !session->recording->tracked;
    if (session->recording->executed[0])
        profile->executed = session->recording->executed;
    int32_t signal = signal_at_hand(session);
    if (!profile_is_fatal(signal))
        return;
    profile->ending.how = ENDING_STOPPED;
    profile->ending.number = signal;
}
