#include "session/session_results.h"

#include "profile/profile_load.h"
#include "profile/profile_merge.h"
#include "profile/profile_view.h"
#include "profile/stack_filter.h"
#include "reports/report.h"
#include "session/session_ending.h"
#include "session/session_engine.h"
#include "session/session_source.h"
#include "session/session_view.h"
#include "support/file_write.h"
#include "support/memory.h"

int session_snapshot(struct session *session, struct snapshot *ret, struct error *error) {
    int status = session_need_recording(session, error);
    if (status == TMPALLOC_OK)
        status = session_engine_update(session, error);
    return status == TMPALLOC_OK ? recording_snapshot(session->recording, ret, error) : status;
}

static int loaded_profile(const struct session *session, const struct recording_query *query,
                          struct error *error, struct profile **ret) {
    if (query->since)
        return error_set(error, TMPALLOC_E_ARGUMENT, "no mark %s: the results are from %s",
                         query->since, text_get(&session->loaded_from));
    return profile_at(session->loaded, &query->view, error, ret);
}

static int recorded_profile(struct session *session, const struct recording_query *query,
                            struct error *error, struct profile **ret) {
    int status = session_need_recording(session, error);
    if (status != TMPALLOC_OK)
        return status;
    session_tell_source(session);
    uint32_t highest = recording_max_threshold(session->recording);
    status = session_check_threshold(query->view.threshold, highest, error);
    if (status != TMPALLOC_OK)
        return status;
    status = session_engine_update(session, error);
    if (status != TMPALLOC_OK)
        return status;
    const struct recording *recording = session->recording;
    const char *why_old = recording_why_old(recording);
    if (why_old && recording_has_results(recording))
        host_message(&session->host,
                     "tmpalloc: process %lld is %s: the results are as of its last stop",
                     (long long)recording->process.pid, why_old);
    status = recording_profile(session->recording, query, error, ret);
    if (status != TMPALLOC_OK)
        return status;
    (*ret)->limited = session->recording->limited;
    return TMPALLOC_OK;
}

/* Also when a process that isn't tracked has come since. */
static int kept_profile(struct session *session, const struct recording_query *query,
                        struct error *error, struct profile **ret) {
    if (session->loaded)
        return loaded_profile(session, query, error, ret);
    int status = recorded_profile(session, query, error, ret);
    if (status != TMPALLOC_OK)
        return status;
    session_describe_ending(session, *ret);
    return TMPALLOC_OK;
}

int session_profile(struct session *session, const struct recording_query *query,
                    struct error *error, struct profile **ret) {
    int status = session->loaded ? TMPALLOC_OK : session_need_latest(session, error);
    return status == TMPALLOC_OK ? kept_profile(session, query, error, ret) : status;
}

/* For conditions of breakpoints, at each of their hits. */
static int profile_to_count(struct session *session, const struct recording_query *query,
                            struct error *error, struct profile **ret) {
    return session->loaded ? loaded_profile(session, query, error, ret)
                           : recorded_profile(session, query, error, ret);
}

int session_count(struct session *session, const regex_t *expression, tmpalloc_amounts *ret,
                  struct error *error) {
    struct profile *profile;
    const struct recording_query query = {.view = session_view(session)};
    int status = profile_to_count(session, &query, error, &profile);
    if (status != TMPALLOC_OK) /* nothing recorded, or not up to that threshold */
        return status == TMPALLOC_E_ARGUMENT ? TMPALLOC_E_STATE : status;
    struct stack_filter *filter;
    if (stack_filter_create(expression, 1, &filter) != TMPALLOC_OK) {
        profile_destroy(profile);
        return error_no_memory(error);
    }
    *ret = (tmpalloc_amounts){0};
    for (size_t i = 0; i < profile->site_count; i++) {
        const struct profile_site *site = &profile->sites[i];
        if (!stack_filter_matches(filter, &site->stack))
            continue;
        ret->temporaries += site->count;
        ret->temporary_bytes += site->bytes;
        ret->allocations += site->counters.allocations;
    }
    if (stack_filter_failed(filter))
        status = error_no_memory(error);
    stack_filter_destroy(filter);
    profile_destroy(profile);
    return status;
}

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

static void session_results_append_files(struct text *text, char *const *paths, size_t count) {
    if (count > 1)
        text_printf(text, "%zu files (", count);
    for (size_t i = 0; i < count; i++)
        text_printf(text, "%s%s", i ? ", " : "", paths[i]);
    text_append(text, count > 1 ? ")" : "");
}

static void session_results_append_sites(struct text *text, const struct profile *profile) {
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
    session_results_append_files(&session->loaded_from, paths, count);
    text_append(text, "tmpalloc: loaded ");
    text_append_count(text, loaded->totals.allocations);
    text_append(text, " allocations of ");
    session_results_append_sites(text, loaded);
    text_printf(text, " from %s\n", text_get(&session->loaded_from));
    return TMPALLOC_OK;
}

static int write_profile(const struct profile *profile, const char *path, bool force,
                         struct text *text, struct error *error) {
    struct text content;
    text_init(&content);
    int status = report_for_file(profile, report_format("json"), NULL, path, &content, error);
    if (status == TMPALLOC_OK)
        status = file_write_whole(path, force, &content, error);
    if (status == TMPALLOC_OK) {
        text_append(text, "tmpalloc: saved ");
        session_results_append_sites(text, profile);
        text_printf(text, " to %s\n", path);
    }
    text_deinit(&content);
    return status;
}

/* What the user sees by default, as far as it was recorded, with all frames. */
static struct profile_view whole_view(const struct session *session) {
    struct profile_view view = session_view(session);
    uint32_t most = view.threshold;
    if (session->loaded)
        most = session->loaded->max_threshold;
    else if (session->recording)
        most = recording_max_threshold(session->recording);
    if (view.threshold > most)
        view.threshold = most;
    view.native_frames = true;
    return view;
}

int session_save(struct session *session, const char *path, bool force, struct text *text,
                 struct error *error) {
    const struct recording_query query = {.view = whole_view(session)};
    struct profile *profile = NULL;
    int status = kept_profile(session, &query, error, &profile);
    if (status == TMPALLOC_OK)
        status = write_profile(profile, path, force, text, error);
    profile_destroy(profile);
    return status;
}
