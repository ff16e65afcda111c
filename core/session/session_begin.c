#include "session/session_begin.h"

#include "session/session_catch.h"
#include "session/session_copies.h"
#include "session/session_engine.h"
#include "session/session_engine_create.h"
#include "session/session_marks.h"
#include "session/session_results.h"
#include "session/session_state.h"

int session_refresh(struct session *session, struct error *error) {
    bool changed = false;
    struct recording *recording = session->recording;
    int status = recording_update_modules(recording, &recording->process, &changed, error);
    if (status != TMPALLOC_OK || (!changed && session->state == SESSION_TRACKING))
        return status;
    status = session_engine_refresh(session, error);
    if (!session->engine && !session->agent)
        session_set_state(session, SESSION_STOPPED, NULL);
    return status;
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

static void session_begin_restore(struct session *session, struct recording *old,
                                  struct recording *tried, enum session_state state) {
    session_engine_destroy(session);
    session->recording = old;
    session_restore_state(session, state);
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

/* What was found out about the process before. */
static void forget_process(struct session *session) {
    session_copies_forget(session);
    text_clear(&session->missing);
    session->hit_failed = false;
    session->hold.knows_functions = false;
}

static enum session_entry entry_of(enum session_origin origin, bool continues) {
    if (origin == ORIGIN_RUN)
        return ENTRY_PRELOADED;
    return continues || origin == ORIGIN_FORK ? ENTRY_CONTINUES : ENTRY_ANEW;
}

int session_begin(struct session *session, const struct tmpalloc_process *process,
                  enum session_origin origin, struct error *error) {
    struct recording *recording = NULL, *old = session->recording;
    enum session_state state = session->state;
    bool continues = is_continued(session, process);
    forget_process(session);
    int status = choose_engine(session, process, continues, error);
    if (status == TMPALLOC_OK)
        status = choose_recording(session, continues, error, &recording);
    if (status != TMPALLOC_OK)
        return status;
    if (recording != old) {
        session_catches_begin(session);
        recording->whole = process->pid == 0;
        status = session_marks_begin(session, recording, error);
        if (status != TMPALLOC_OK) {
            recording_destroy(recording);
            return status;
        }
    }
    recording->within |= session->options.within != NULL;
    unwinder_set_depth(recording->unwinder, session->options.stack_depth);
    if (process->pid != 0)
        recording_set_process(recording, process);
    recording->files.told = continues; /* nobody has followed them since the stop */
    status = session_engine_create(session, recording, process, entry_of(origin, continues), error);
    session->recording = recording;
    session_set_state(session, SESSION_WAITING, NULL);
    session->ending = (struct profile_ending){0};
    session->anew = origin == ORIGIN_RUN;
    if (status == TMPALLOC_OK && process->pid != 0)
        status = session_refresh(session, error);
    if (status != TMPALLOC_OK) {
        session_begin_restore(session, old, recording, state);
        return status;
    }
    if (old != recording)
        recording_destroy(old);
    session->untracked.pid = 0;
    session_unload(session);
    return TMPALLOC_OK;
}
