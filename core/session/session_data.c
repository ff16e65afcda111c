#include "session/session_data.h"

#include "reports/report_data.h"
#include "reports/report_values.h"
#include "session/session_engine.h"
#include "session/session_results.h"
#include "support/memory.h"

static const char *session_data_state_name(const struct session *session) {
    if (session->loaded)
        return "loaded";
    switch (session->state) {
    case SESSION_WAITING:
        return "waiting";
    case SESSION_TRACKING:
        return "tracking";
    case SESSION_STOPPED:
        return "stopped";
    case SESSION_ENDED:
        return "ended";
    case SESSION_IDLE:
        break;
    }
    return "idle";
}

static const char *session_data_age_name(const struct recording *recording) {
    if (!recording->copied)
        return NULL;
    switch (recording->age) {
    case RECORDING_NOW:
        return "now";
    case RECORDING_STOP:
        return "stop";
    case RECORDING_EXIT:
        return "exit";
    case RECORDING_EXEC:
        return "exec";
    case RECORDING_CORE:
        return "core";
    case RECORDING_NEVER:
        break;
    }
    return NULL;
}

static const char *if_any(const char *string) {
    return string[0] ? string : NULL;
}

static json_t *entry_point_object(struct modules *modules, const struct entry_point *point) {
    json_t *object = json_object();
    int failed = json_object_set_new(object, "name", value_text(point->name));
    failed |=
        json_object_set_new(object, "module", value_text(modules_path(modules, point->module)));
    return value_checked(object, failed);
}

static json_t *entry_points_array(const struct session *session) {
    size_t active;
    const struct entry_points *points = session_entry_points(session, &active);
    json_t *array = json_array();
    int failed = 0;
    for (size_t i = 0; i < active; i++)
        failed |= json_array_append_new(
            array, entry_point_object(session->recording->modules, &points->items[i]));
    return value_checked(array, failed);
}

static json_t *catch_object(const struct session_catch *catch, const struct catch_filter *filter) {
    json_t *object = json_object();
    int failed = json_object_set_new(object, "id", value_count(catch->id));
    failed |= json_object_set_new(object, "threshold", value_count(filter->max_distance));
    failed |= json_object_set_new(object, "min_size", value_count(filter->min_size));
    failed |= json_object_set_new(object, "at", value_text(catch->at));
    if (filter->stop_at > 0)
        failed |= json_object_set_new(object, "count", value_count(filter->stop_at));
    failed |= json_object_set_new(object, "once", json_boolean(catch->once));
    failed |= json_object_set_new(object, "matches", value_count(filter->matches));
    return value_checked(object, failed);
}

static json_t *catches_array(const struct session_catches *catches) {
    json_t *array = json_array();
    int failed = 0;
    for (size_t i = 0; i < ENGINE_CATCHES; i++) {
        if (catches->items[i].id != 0)
            failed |= json_array_append_new(
                array, catch_object(&catches->items[i], &catches->engine.items[i]));
    }
    return value_checked(array, failed);
}

static json_t *marks_array(const struct recording *recording) {
    json_t *array = json_array();
    int failed = 0;
    const char *name;
    for (size_t i = 0; (name = recording_mark_name(recording, i)); i++)
        failed |= json_array_append_new(array, value_text(name));
    return value_checked(array, failed);
}

static int set_recording(json_t *object, const struct session *session) {
    const struct recording *recording = session->recording;
    int failed = json_object_set_new(object, "engine", value_text(recording->engine));
    if (session->options.engine == SESSION_AUTO)
        failed |= json_object_set_new(object, "reason", value_text(if_any(session->reason)));
    if (recording->process.pid != 0)
        failed |= json_object_set_new(object, "pid", json_integer(recording->process.pid));
    failed |= json_object_set_new(object, "executable",
                                  value_text(if_any(recording->process.executable)));
    failed |=
        json_object_set_new(object, "missing", value_text(if_any(text_get(&session->missing))));
    if (session->state == SESSION_TRACKING)
        failed |= json_object_set_new(object, "entry_points", entry_points_array(session));
    if (recording_mark_name(recording, 0))
        failed |= json_object_set_new(object, "marks", marks_array(recording));
    return failed | json_object_set_new(object, "catches", catches_array(&session->catches));
}

static int set_counters(json_t *object, const struct session *session,
                        const struct snapshot *snapshot) {
    const struct recording *recording = session->recording;
    const struct site_distance sum = snapshot_temporaries(snapshot, session->threshold);
    int failed =
        json_object_set_new(object, "results", value_text(session_data_age_name(recording)));
    failed |= json_object_set_new(object, "threshold", value_count(session->threshold));
    failed |= json_object_set_new(object, "max_threshold", value_count(snapshot->max_threshold));
    failed |= report_data_set_totals(object, &snapshot->totals, sum);
    failed |= json_object_set_new(object, "call_stacks",
                                  value_count(stacks_count(tracker_stacks(recording->tracker))));
    failed |= json_object_set_new(object, "tracker_bytes", value_count(memory_in_use()));
    if (recording->within)
        failed |= json_object_set_new(object, "entries", value_count(snapshot->totals.entries));
    if (recording->copied)
        failed |= json_object_set_new(object, "agent_bytes", value_count(recording->agent_bytes));
    return failed;
}

/* Without results there are no counters. */
static int set_results(json_t *object, struct session *session, struct error *error) {
    struct snapshot snapshot;
    int status = session_engine_update(session, error);
    if (status != TMPALLOC_OK)
        return status;
    if (!recording_has_results(session->recording))
        return TMPALLOC_OK;
    status = session_snapshot(session, &snapshot, error);
    if (status != TMPALLOC_OK)
        return status;
    int failed = set_counters(object, session, &snapshot);
    snapshot_deinit(&snapshot);
    return failed ? error_no_memory(error) : TMPALLOC_OK;
}

static int set_loaded(json_t *object, const struct session *session) {
    const struct profile *loaded = session->loaded;
    int failed = json_object_set_new(object, "files", value_text(text_get(&session->loaded_from)));
    failed |= json_object_set_new(object, "engine", value_text(loaded->engine));
    failed |= json_object_set_new(object, "executable", value_text(loaded->executable));
    failed |= json_object_set_new(object, "max_threshold", value_count(loaded->max_threshold));
    return failed;
}

int session_status_data(struct session *session, struct text *text, struct error *error) {
    json_t *object = json_object();
    int status = TMPALLOC_OK;
    int failed = json_object_set_new(object, "state", value_text(session_data_state_name(session)));
    bool recorded = session->recording && !session->core_problem[0];
    if (session->loaded)
        failed |= set_loaded(object, session);
    else if (recorded)
        failed |= set_recording(object, session);
    if (!session->loaded && recorded && !failed)
        status = set_results(object, session, error);
    object = value_checked(object, failed);
    if (status == TMPALLOC_OK)
        status = value_append(text, object, error);
    json_decref(object);
    return status;
}
