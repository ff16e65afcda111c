#include "session/session_worth.h"

#include <inttypes.h>
#include <signal.h>

/* Nobody handles these by going on as if nothing had been. */
static const char *fatal_name(int32_t signal) {
    static const struct {
        int32_t number;
        const char *name;
    } fatal[] = {{SIGSEGV, "SIGSEGV"}, {SIGABRT, "SIGABRT"}, {SIGBUS, "SIGBUS"},
                 {SIGFPE, "SIGFPE"},   {SIGILL, "SIGILL"},   {SIGSYS, "SIGSYS"}};
    for (size_t i = 0; i < sizeof(fatal) / sizeof(fatal[0]); i++) {
        if (fatal[i].number == signal)
            return fatal[i].name;
    }
    return NULL;
}

static void append_signal(struct text *text, int32_t signal) {
    const char *name = fatal_name(signal);
    if (name)
        text_append(text, name);
    else
        text_printf(text, "signal %" PRId32, signal);
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

static enum session_worth judge_ended(const struct session *session, struct text *why) {
    const struct recording *recording = session->recording;
    long long pid = (long long)recording->process.pid;
    if (session->execed) {
        text_printf(why, "process %lld %s, the results are from before that", pid, session->ended);
        return SESSION_WORTHLESS;
    }
    if (session->signal) {
        text_printf(why, "process %lld ended by ", pid);
        append_signal(why, session->signal);
        return recording->copied && recording->age == RECORDING_NEVER ? SESSION_WORTHLESS
                                                                      : SESSION_PARTIAL;
    }
    if (!session_is_incomplete(session))
        return SESSION_SOUND;
    bool none = recording->age == RECORDING_NEVER;
    text_printf(why, "process %lld %s, %s results were read before that", pid, session->ended,
                none ? "no" : "its last");
    return none ? SESSION_WORTHLESS : SESSION_PARTIAL;
}

static enum session_worth judge_loaded(const struct session *session, struct text *why) {
    if (!session->loaded->incomplete)
        return SESSION_SOUND;
    text_printf(why, "%s: a process went on after its last results were read",
                text_get(&session->loaded_from));
    return SESSION_PARTIAL;
}

enum session_worth session_judge_results(struct session *session, struct text *why) {
    const struct recording *recording = session->recording;
    if (session->loaded)
        return judge_loaded(session, why);
    bool recorded = recording && !session->core_problem[0];
    if (!recorded || recording->process.pid == 0) {
        text_append(why, recorded ? "no process was started" : "nothing was recorded");
        return SESSION_WORTHLESS;
    }
    int32_t signal = signal_at_hand(session);
    if (!fatal_name(signal))
        return session->state == SESSION_ENDED ? judge_ended(session, why) : SESSION_SOUND;
    text_printf(why, "process %lld was stopped by ", (long long)recording->process.pid);
    append_signal(why, signal);
    return SESSION_PARTIAL;
}
