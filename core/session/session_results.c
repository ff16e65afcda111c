#include <inttypes.h>
#include <signal.h>

#include "profile/profile_load.h"
#include "profile/profile_merge.h"
#include "profile/profile_threshold.h"
#include "reports/report.h"
#include "session/session_engine.h"
#include "support/file_write.h"
#include "support/memory.h"

void session_unload(struct session *session) {
    profile_destroy(session->loaded);
    session->loaded = NULL;
    text_clear(&session->loaded_from);
}

/* *ret is the files' sum. */
static int load_all(char *const *paths, size_t count, struct error *error, struct profile **ret) {
    struct profile **profiles = memory_allocate_zeroed(count, sizeof(*profiles));
    if (!profiles)
        return error_no_memory(error);
    int status = TMPALLOC_OK;
    for (size_t i = 0; i < count && status == TMPALLOC_OK; i++)
        status = profile_load(paths[i], error, &profiles[i]);
    if (status == TMPALLOC_OK)
        status = profile_merge(profiles, count, error, ret);
    for (size_t i = 0; i < count && status != TMPALLOC_OK; i++)
        profile_destroy(profiles[i]);
    memory_release(profiles);
    return status;
}

static int check_load(const struct session *session, struct error *error) {
    if (!session_is_active(session))
        return TMPALLOC_OK;
    return error_set(error, TMPALLOC_E_STATE,
                     "the %s engine is counting: 'tmpalloc stop' ends that before a load",
                     session->recording->engine);
}

static void append_files(struct text *text, char *const *paths, size_t count) {
    if (count > 1)
        text_printf(text, "%zu files (", count);
    for (size_t i = 0; i < count; i++)
        text_printf(text, "%s%s", i ? ", " : "", paths[i]);
    text_append(text, count > 1 ? ")" : "");
}

static void append_sites(struct text *text, const struct profile *profile) {
    text_append_count(text, profile->site_count);
    text_append(text, profile->site_count == 1 ? " call site" : " call sites");
}

int session_load(struct session *session, char *const *paths, size_t count, struct text *text,
                 struct error *error) {
    struct profile *loaded = NULL;
    int status = check_load(session, error);
    if (status == TMPALLOC_OK)
        status = load_all(paths, count, error, &loaded);
    if (status != TMPALLOC_OK)
        return status;
    session_unload(session);
    session->loaded = loaded;
    append_files(&session->loaded_from, paths, count);
    text_append(text, "tmpalloc: loaded ");
    text_append_count(text, loaded->totals.allocations);
    text_append(text, " allocations of ");
    append_sites(text, loaded);
    text_printf(text, " from %s\n", text_get(&session->loaded_from));
    return TMPALLOC_OK;
}

static int write_profile(const struct profile *profile, const char *path, bool force,
                         struct text *text, struct error *error) {
    struct text content;
    text_init(&content);
    int status = report_json(profile, &content, error);
    if (status == TMPALLOC_OK)
        status = file_write_whole(path, force, &content, error);
    if (status == TMPALLOC_OK) {
        text_append(text, "tmpalloc: saved ");
        append_sites(text, profile);
        text_printf(text, " to %s\n", path);
    }
    text_deinit(&content);
    return status;
}

static int save_recording(struct session *session, const char *path, bool force, struct text *text,
                          struct error *error) {
    struct profile *profile, *native;
    int status = session_engine_update(session, error);
    if (status != TMPALLOC_OK)
        return status;
    session_tell_source(session);
    uint32_t most = recording_max_threshold(session->recording);
    uint32_t threshold = session->threshold < most ? session->threshold : most;
    status = recording_whole_profile(session->recording, threshold, error, &profile, &native);
    if (status != TMPALLOC_OK)
        return status;
    profile->incomplete = session_is_incomplete(session);
    status = write_profile(profile, path, force, text, error);
    profile_destroy(profile);
    profile_destroy(native);
    return status;
}

int session_save(struct session *session, const char *path, bool force, struct text *text,
                 struct error *error) {
    if (session->loaded)
        return write_profile(session->loaded, path, force, text, error);
    int status = session_need_recording(session, error);
    return status == TMPALLOC_OK ? save_recording(session, path, force, text, error) : status;
}

bool session_is_incomplete(const struct session *session) {
    const struct recording *recording = session->recording;
    return session->state == SESSION_ENDED && recording->copied &&
           recording->age != RECORDING_EXIT && recording->age != RECORDING_EXEC &&
           recording->age != RECORDING_CORE;
}

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
