#include "session/session_status.h"

#include <string.h>

#include "profile/profile_names.h"
#include "profile/profile_view.h"
#include "reports/report.h"
#include "session/session_catch.h"
#include "session/session_engine.h"
#include "session/session_results.h"
#include "session/session_threads.h"
#include "session/session_view.h"
#include "session/session_watch.h"
#include "support/memory.h"

static void append_entry_points(const struct session *session, struct text *text) {
    size_t active;
    const struct entry_points *points = session_entry_points(session, &active);
    struct modules *modules = session->recording->modules;
    text_printf(text, "%zu entry point%s (", active, text_plural(active));
    for (size_t i = 0; i < active; i++) {
        const struct entry_point *point = &points->items[i];
        text_printf(text, "%s%s", i ? ", " : "", point->name);
        bool last_of_module = i + 1 == active || points->items[i + 1].module != point->module;
        const char *path = modules_path(modules, point->module);
        const char *slash = strrchr(path, '/');
        if (last_of_module)
            text_printf(text, " in %s", slash ? slash + 1 : path);
    }
    text_append(text, ")");
}

/* The agent is given up where it can't have them. */
static bool has_objects(const struct session *session) {
    return session->options.object_allocator &&
           (session->agent || engine_breakpoint_has_objects(session->engine));
}

static void append_left_out(const struct engine_breakpoint *engine, struct text *text) {
    if (!engine ||
        engine_breakpoint_active(engine) == engine_breakpoint_entry_points(engine)->count)
        return;
    text_append(text, "; no debug register is left for ");
    engine_breakpoint_left_out(engine, text);
    text_append(text, ": their calls are not counted, and blocks from them are unknown");
}

/* Of a target that can't be tried. */
static void append_registers(struct session *session, struct text *text) {
    if (session->chosen == SESSION_HARDWARE &&
        host_debug_registers(&session->host) != DEBUG_REGISTERS_FIRE)
        text_append(text, "; it is not known whether this target's debug registers ever fire");
}

static void append_engine(const struct session *session, struct text *text) {
    text_printf(text, "%s engine", session->recording->engine);
    if (session->options.engine == SESSION_AUTO && session->reason[0])
        text_printf(text, " (auto: %s)", session->reason);
}

static void append_cost(const struct session *session, struct text *text) {
    if (!session->agent)
        text_append(text, ", about 1 to 6 ms per malloc/free pair");
}

static void append_waiting(const struct session *session, struct text *text) {
    text_append(text, "tmpalloc: ");
    append_engine(session, text);
    text_append(text, session->recording->process.pid == 0
                          ? ", tracking begins when the program starts"
                          : ", tracking begins when an allocator is loaded (none is yet)");
    append_cost(session, text);
}

static void session_status_append_missing(const struct session *session, struct text *text) {
    if (session->missing.length > 0)
        text_printf(text, "; %s", text_get(&session->missing));
}

void session_append_found(struct session *session, struct text *text) {
    text_printf(text, "tracking process %lld, ", (long long)session->recording->process.pid);
    if (has_objects(session))
        text_append(text, "CPython's object allocator and ");
    append_entry_points(session, text);
    append_left_out(session->engine, text);
    append_registers(session, text);
    session_status_append_missing(session, text);
}

void session_append_state(struct session *session, struct text *text) {
    if (session->state == SESSION_WAITING) {
        append_waiting(session, text);
        session_status_append_missing(session, text);
        return;
    }
    text_append(text, "tmpalloc: ");
    session_append_found(session, text);
    text_append(text, ", ");
    append_engine(session, text);
    append_cost(session, text);
}

static const char *session_status_age_name(const struct recording *recording) {
    if (!recording->copied)
        return "results as of then";
    switch (recording->age) {
    case RECORDING_NEVER:
        return "no results were read before";
    case RECORDING_EXIT:
        return "results as of its exit";
    case RECORDING_EXEC:
        return "results as of its exec";
    case RECORDING_CORE:
        return "results as of then";
    case RECORDING_NOW:
    case RECORDING_STOP:
        break;
    }
    return "results as of the last stop";
}

static void append_untracked(const struct session_untracked *untracked, struct text *text) {
    if (untracked->pid != 0)
        text_printf(text, "tmpalloc: process %lld is not tracked%s%s\n", (long long)untracked->pid,
                    untracked->why[0] ? ": " : "", untracked->why);
}

static void append_state_line(struct session *session, struct text *text) {
    long long pid = (long long)session->recording->process.pid;
    switch (session->state) {
    case SESSION_WAITING:
    case SESSION_TRACKING:
        session_append_state(session, text);
        break;
    case SESSION_STOPPED:
        if (pid == 0)
            text_append(text, "tmpalloc: stopped before a process began");
        else
            text_printf(text, "tmpalloc: stopped, results of process %lld stay", pid);
        break;
    case SESSION_ENDED:
        text_printf(text, "tmpalloc: process %lld %s, ", pid, session->ended);
        text_append(text, session_status_age_name(session->recording));
        session_status_append_missing(session, text);
        break;
    case SESSION_IDLE:
        break;
    }
    text_append(text, "\n");
    if (session->state == SESSION_ENDED && session->hold.active)
        text_append(text, "tmpalloc: the next run is tracked, too\n");
    append_untracked(&session->untracked, text);
}

/* What a file or a process calls itself may hold anything. */
static void append_executable(struct text *text, const char *path) {
    text_printf(text, "%-20s", "executable");
    profile_append_printable(text, path);
    text_append(text, "\n");
}

static void append_row(struct text *text, const char *name, uint64_t count) {
    text_printf(text, "%-20s", name);
    text_append_count(text, count);
    text_append(text, "\n");
}

static void append_children(struct text *text, uint64_t count) {
    if (count > 0)
        append_row(text, "uncounted children", count);
}

static void append_bytes(struct text *text, const char *name, uint64_t bytes) {
    text_printf(text, "%-20s", name);
    text_append_size(text, bytes);
    text_append(text, "\n");
}

static void session_status_append_amount(struct text *text, const char *name, uint64_t count,
                                         uint64_t bytes) {
    text_printf(text, "%-20s", name);
    text_append_count(text, count);
    text_append(text, " (");
    text_append_size(text, bytes);
    text_append(text, ")\n");
}

static void session_status_append_temporaries(struct session *session,
                                              const struct snapshot *snapshot, struct text *text) {
    const struct site_distance sum = snapshot_temporaries(snapshot, session->threshold);
    session_status_append_amount(text, "temporaries", sum.count, sum.bytes);
    text_printf(text, "%-20s%u (recorded up to %u)\n", "threshold", session->threshold,
                snapshot->max_threshold);
}

static int loaded_status(const struct session *session, struct text *text, struct error *error) {
    struct profile *profile;
    uint32_t most = session->loaded->max_threshold;
    struct profile_view view = session_view(session);
    view.threshold = view.threshold < most ? view.threshold : most;
    int status = profile_at(session->loaded, &view, error, &profile);
    if (status != TMPALLOC_OK)
        return status;
    const struct snapshot_totals *totals = &profile->totals;
    text_append(text, "tmpalloc: results of ");
    profile_append_printable(text, profile->engine);
    text_printf(text, " engine%s from %s%s\n", strcmp(profile->engine, "several") == 0 ? "s" : "",
                text_get(&session->loaded_from),
                profile->incomplete ? ", read before a process ended" : "");
    if (profile->executable)
        append_executable(text, profile->executable);
    session_status_append_amount(text, "allocations", totals->allocations, totals->allocated_bytes);
    append_row(text, "deallocations", totals->deallocations);
    session_status_append_amount(text, "temporaries", profile->count, profile->bytes);
    text_printf(text, "%-20s%u (recorded up to %u)\n", "threshold", view.threshold, most);
    append_row(text, "cross-thread frees", totals->cross_thread_frees);
    append_row(text, "dropped events", totals->dropped);
    append_children(text, totals->children);
    append_row(text, "call sites", profile->site_count);
    append_bytes(text, "tracker memory", memory_in_use());
    profile_destroy(profile);
    return TMPALLOC_OK;
}

int session_status(struct session *session, struct text *text, struct error *error) {
    if (session->loaded)
        return loaded_status(session, text, error);
    if (session->core_problem[0]) {
        text_printf(text, "tmpalloc: no results: %s\n", session->core_problem);
        return TMPALLOC_OK;
    }
    if (!session->recording) {
        text_append(text, "tmpalloc: not started: 'tmpalloc start' begins\n");
        return TMPALLOC_OK;
    }
    struct snapshot snapshot;
    append_state_line(session, text);
    if (!recording_has_results(session->recording) &&
        session_engine_update(session, NULL) == TMPALLOC_OK &&
        !recording_has_results(session->recording)) {
        if (session->state == SESSION_TRACKING)
            text_printf(text, "tmpalloc: %s\n", recording_why_no_results(session->recording));
        session_catches_append(session, text);
        session_watch_append(session, text);
        return TMPALLOC_OK;
    }
    int status = session_snapshot(session, &snapshot, error);
    if (status != TMPALLOC_OK)
        return status;
    append_executable(text, session->recording->process.executable);
    const char *why_old = recording_why_old(session->recording);
    if (why_old)
        text_printf(text, "%-20sas of the last stop: the process is %s\n", "results", why_old);
    session_status_append_amount(text, "allocations", snapshot.totals.allocations,
                                 snapshot.totals.allocated_bytes);
    append_row(text, "deallocations", snapshot.totals.deallocations);
    session_status_append_temporaries(session, &snapshot, text);
    append_row(text, "cross-thread frees", snapshot.totals.cross_thread_frees);
    append_row(text, "dropped events", snapshot.totals.dropped);
    append_children(text, snapshot.totals.children);
    if (session->recording->within)
        append_row(text, "entries", snapshot.totals.entries);
    session_threads_append(session, text);
    append_row(text, "call stacks", stacks_count(tracker_stacks(session->recording->tracker)));
    append_bytes(text, "tracker memory", memory_in_use());
    if (session->recording->copied)
        append_bytes(text, "agent memory", session->recording->agent_bytes);
    if (session->recording->sandbox)
        text_printf(text, "%-20s%s\n", "sandbox", session->recording->sandbox);
    if (session->recording->limited)
        report_limited(text);
    session_catches_append(session, text);
    session_watch_append(session, text);
    snapshot_deinit(&snapshot);
    return TMPALLOC_OK;
}
