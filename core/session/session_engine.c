#include "session/session_engine.h"

#include <inttypes.h>
#include <stdio.h>

#include "profile/profile_names.h"
#include "session/session_copies.h"
#include "session/session_engine_create.h"
#include "session/session_state.h"
#include "support/clock.h"
#include "support/log.h"

/* Results are copied at stops of the user for so small a part of the time. */
#define COPY_SHARE 20

static void session_engine_append_missing(struct session *session, const char *what) {
    text_append(&session->missing, session->missing.length > 0 ? "; " : "");
    text_append(&session->missing, what);
}

static void session_engine_append_files(struct text *text, const char *path, size_t count,
                                        const char *problem) {
    if (count == 0)
        return;
    text_append(text, text->length > 0 ? "; " : "");
    profile_append_printable(text, path);
    if (count > 1)
        text_printf(text, " and %zu more", count - 1);
    text_append(text, problem);
}

void session_append_files(const struct session *session, struct text *text) {
    const struct modules *modules = session->recording->modules;
    const char *path;
    size_t count = modules_unmatched(modules, &path);
    session_engine_append_files(text, path, count,
                                ": not what the process has loaded, so nothing in it has a name");
    if (session->recording->placeless > 0 && count == 0)
        text_printf(text,
                    "%s%" PRIu32 " call stacks have code in no file that the debugger has found, "
                    "so it has no names",
                    text->length > 0 ? "; " : "", session->recording->placeless);
    count = modules_compressed(modules, &path);
    session_engine_append_files(
        text, path, count,
        ": debug information is compressed in a way that elfutils here can't read (zstd?), "
        "so there are no lines");
}

/* Looks for CPython, and says why there are no Python frames where some are expected. */
static void refresh_python(struct session *session) {
    uint32_t version;
    char text[128];
    if (session->options.python == PYTHON_OFF)
        return;
    switch (interpreted_stacks_refresh(session->recording->python, &version)) {
    case PYTHON_FOUND:
        if (session->agent && engine_agent_lacks_python(session->agent))
            session_engine_append_missing(session,
                                          "CPython was loaded after the agent: native frames only");
        return;
    case PYTHON_ABSENT:
        if (session->options.python == PYTHON_ON && session->state == SESSION_TRACKING)
            session_engine_append_missing(session, "there is no CPython in the process");
        return;
    case PYTHON_FREE_THREADED:
        session_engine_append_missing(session, "CPython without the GIL: native frames only");
        return;
    case PYTHON_UNKNOWN:
    case PYTHON_UNREADABLE:
        snprintf(text, sizeof(text),
                 "CPython %" PRIu32 ".%" PRIu32 " is not known: native frames only", version >> 8,
                 version & 0xff);
        session_engine_append_missing(session,
                                      version ? text : "an unknown CPython: native frames only");
        return;
    }
}

/* Once for each process, when all files that come with its program are there: whether start named
 * functions that a program before had, and this one hasn't. */
static bool session_engine_lacks_functions(struct session *session, bool all_there) {
    struct session_hold *hold = &session->hold;
    if (hold->knows_functions)
        return false;
    hold->knows_functions = true;
    hold->lacks = hold->had_functions && !all_there;
    hold->had_functions |= all_there;
    return hold->lacks;
}

static int refresh_breakpoint(struct session *session, struct error *error) {
    struct recording *recording = session->recording;
    int status = engine_breakpoint_refresh(session->engine, &recording->process, error);
    bool active = engine_breakpoint_active(session->engine) > 0;
    if (active && (status == TMPALLOC_OK || status == TMPALLOC_E_STATE) &&
        session_engine_lacks_functions(session, status == TMPALLOC_OK))
        return status;
    if (status == TMPALLOC_E_STATE) {
        session_engine_append_missing(session, error->text);
        status = TMPALLOC_OK;
    }
    if (status != TMPALLOC_OK)
        return status;
    return session_set_state(session, active ? SESSION_TRACKING : SESSION_WAITING, error);
}

/* The agent that was expected isn't there, or is of no use; `reason` says why. */
static int use_breakpoints_from_now(struct session *session, struct error *reason,
                                    struct error *error) {
    int status = session_engine_use_breakpoints(session, session->recording, reason);
    if (status != TMPALLOC_OK)
        return error_set(error, status, "%s", reason->text);
    session->recording->whole = false;
    host_message(&session->host, "tmpalloc: breakpoint engine (auto: %s)", session->reason);
    return refresh_breakpoint(session, error ? error : reason);
}

static int refresh_engine(struct session *session, struct error *error) {
    struct error reason = {.text = ""};
    if (!session->agent)
        return refresh_breakpoint(session, error ? error : &reason);
    int status = engine_agent_refresh(session->agent, &reason);
    if (session_engine_has_no_agent(status))
        return use_breakpoints_from_now(session, &reason, error);
    if (status == TMPALLOC_OK || status == TMPALLOC_E_STATE)
        return session_set_state(session,
                                 status == TMPALLOC_OK ? SESSION_TRACKING : SESSION_WAITING, error);
    return error_set(error, status, "%s", reason.text);
}

/* The agent is in the program's own namespace. */
static void note_namespaces(struct session *session) {
    static const char text[] = "dlmopen() loaded a C library again, whose calls are not counted "
                               "(--engine breakpoint can)";
    struct modules *modules = session->recording->modules;
    bool told = session->has_namespaces;
    session->has_namespaces =
        session->agent && modules_repeats_soname(modules, modules_c_library(modules)->soname);
    if (!session->has_namespaces)
        return;
    session_engine_append_missing(session, text);
    if (!told && session->state == SESSION_TRACKING)
        host_message(&session->host, "tmpalloc: %s", text);
}

int session_engine_refresh(struct session *session, struct error *error) {
    text_clear(&session->missing);
    int status = refresh_engine(session, error);
    if (!session->hold.active && (session->state == SESSION_TRACKING || !session->agent))
        agent_preload_end(&session->preload);
    if (status == TMPALLOC_OK)
        refresh_python(session);
    if (status == TMPALLOC_OK)
        note_namespaces(session);
    if (status == TMPALLOC_OK && session->state == SESSION_TRACKING)
        session_copies_append(session, &session->missing);
    session_append_files(session, &session->missing);
    return status == TMPALLOC_OK ? session_engine_set_catches(session, error) : status;
}

/* Copies what the process counted. */
static int copy_results(struct session *session, enum recording_age age, struct error *error) {
    struct agent_image_facts facts;
    struct snapshot snapshot;
    int status = engine_agent_read(session->agent, &facts, &snapshot, error);
    if (status != TMPALLOC_OK)
        return status;
    engine_agent_count_matches(session->agent);
    if (facts.refused) {
        snapshot_deinit(&snapshot);
        return error_set(error, TMPALLOC_E_UNSUPPORTED,
                         "the allocator's functions can't be hooked");
    }
    status = recording_set_latest(session->recording, &snapshot, age, error);
    session->recording->agent_bytes = facts.memory_bytes;
    session->recording->sandbox = facts.sandbox;
    session->recording->limited = facts.limited;
    return status;
}

int session_engine_update(struct session *session, struct error *error) {
    struct tmpalloc_process process;
    if (!session->agent || session->state != SESSION_TRACKING)
        return TMPALLOC_OK;
    struct recording *recording = session->recording;
    recording->running = recording->unselected = false;
    int status = host_process(&session->host, &process, error);
    if (status != TMPALLOC_OK)
        return status;
    recording->unselected = process.pid != recording->process.pid;
    recording->running = !recording->unselected && !process.stopped;
    if (recording->unselected || recording->running)
        return TMPALLOC_OK;
    struct error reason = {.text = ""};
    status = copy_results(session, RECORDING_NOW, &reason);
    if (status == TMPALLOC_E_UNSUPPORTED)
        return use_breakpoints_from_now(session, &reason, error);
    return status == TMPALLOC_E_STATE ? TMPALLOC_OK : error_set(error, status, "%s", reason.text);
}

void session_engine_stopped(struct session *session, bool always) {
    int64_t began = clock_now_ns();
    if (!session->agent || (!always && began < session->next_copy_ns))
        return;
    if (session_engine_update(session, NULL) == TMPALLOC_OK &&
        session->recording->age == RECORDING_NOW)
        session->recording->age = RECORDING_STOP;
    session->next_copy_ns = clock_now_ns() + COPY_SHARE * (clock_now_ns() - began);
}

int session_engine_update_all(struct session *session, struct error *error) {
    int status = session_engine_update(session, error);
    const struct recording *recording = session->recording;
    if (status == TMPALLOC_OK && recording->running)
        return session_refuse_running(recording->process.pid, error);
    if (status == TMPALLOC_OK && recording->unselected)
        return session_refuse_unselected(recording->process.pid, error);
    return status;
}

int session_engine_stop(struct session *session, struct error *error) {
    int status = TMPALLOC_OK;
    if (session->agent) {
        status = session_engine_update_all(session, error);
        if (status == TMPALLOC_OK)
            status = engine_agent_stop(session->agent, error);
    } else {
        tracker_flush(session->recording->tracker);
    }
    if (status != TMPALLOC_OK)
        return status;
    session_engine_destroy(session);
    return TMPALLOC_OK;
}

int session_engine_reset(struct session *session, struct error *error) {
    struct recording *recording = session->recording;
    if (session->agent && session->state == SESSION_TRACKING) {
        int status = session_engine_update_all(session, error);
        if (status == TMPALLOC_OK)
            status = engine_agent_reset(session->agent, error);
        return status == TMPALLOC_OK ? session_engine_update(session, error) : status;
    }
    if (recording->copied) {
        struct snapshot zero = {.max_threshold = recording->latest.max_threshold};
        recording->zeroed = true;
        return recording_set_latest(recording, &zero, recording->age, error);
    }
    int status = recording_number_sites(recording, error);
    if (status != TMPALLOC_OK)
        return status;
    tracker_reset(recording->tracker);
    if (session->engine)
        engine_breakpoint_flushed(session->engine);
    return TMPALLOC_OK;
}

/* While a hit is handled breakpoints stay; the agent's mean nothing any more. */
static int abandon_agent(struct session *session, struct error *reason, struct error *error) {
    bool lacks = engine_agent_lacks_functions(session->agent) &&
                 session_engine_lacks_functions(session, false);
    session->abandoned_agent = session->agent;
    session->agent = NULL;
    if (lacks)
        return error_set(error, TMPALLOC_E_STATE, "%s", reason->text);
    int status = use_breakpoints_from_now(session, reason, error);
    if (session->engine)
        return status;
    host_message(&session->host, "tmpalloc: %s", reason->text);
    return session_set_state(session, SESSION_STOPPED, error);
}

void session_engine_drop_abandoned(struct session *session) {
    engine_agent_destroy(session->abandoned_agent);
    session->abandoned_agent = NULL;
}

/* In a child that was made by a system call of the program's own the agent never begins. */
static int handle_left(struct session *session, enum engine_agent_hit hit, struct error *error) {
    struct error reason = {.text = ""};
    int status = copy_results(
        session, hit == ENGINE_AGENT_HIT_EXITS ? RECORDING_EXIT : RECORDING_EXEC, &reason);
    if (status == TMPALLOC_E_STATE) {
        host_message(&session->host, "tmpalloc: %s", reason.text);
        return TMPALLOC_OK;
    }
    return status == TMPALLOC_OK ? status : error_set(error, status, "%s", reason.text);
}

static int handle_told(struct session *session, uint64_t id, struct error *error) {
    struct error reason = {.text = ""};
    enum engine_agent_hit told = ENGINE_AGENT_HIT_TELLS;
    int status = engine_agent_told(session->agent, id, &told, &reason);
    if (status == TMPALLOC_OK && told != ENGINE_AGENT_HIT_TELLS)
        return handle_left(session, told, error);
    if (status == TMPALLOC_E_UNSUPPORTED)
        return abandon_agent(session, &reason, error);
    if (status == TMPALLOC_OK)
        session_engine_lacks_functions(session, true);
    return status == TMPALLOC_OK ? status : error_set(error, status, "%s", reason.text);
}

int session_engine_hit(struct session *session, uint64_t id, struct error *error) {
    if (session->engine)
        return engine_breakpoint_hit(session->engine, id, error);
    enum engine_agent_hit hit =
        session->agent ? engine_agent_hit(session->agent, id) : ENGINE_AGENT_HIT_STAYS;
    struct tmpalloc_process process;
    if (hit == ENGINE_AGENT_HIT_STAYS ||
        host_process(&session->host, &process, error) != TMPALLOC_OK ||
        process.pid != session->recording->process.pid)
        return TMPALLOC_OK;
    LOG(LOG_STOP, "the agent %s",
        hit == ENGINE_AGENT_HIT_TELLS   ? "has something to tell"
        : hit == ENGINE_AGENT_HIT_EXITS ? "is about to end with the process"
                                        : "is about to be replaced");
    if (hit == ENGINE_AGENT_HIT_TELLS)
        return handle_told(session, id, error);
    return handle_left(session, hit, error);
}

/* What is written to the agent's memory would be written to another process. */
static int check_selected(struct session *session, struct error *error) {
    struct tmpalloc_process process;
    int64_t pid = session->recording->process.pid;
    int status = host_process(&session->host, &process, error);
    return status == TMPALLOC_OK && pid != 0 && process.pid != pid
               ? session_refuse_unselected(pid, error)
               : status;
}

int session_engine_await(struct session *session, struct error *error) {
    if (!session->agent)
        return TMPALLOC_OK;
    int status = check_selected(session, error);
    return status == TMPALLOC_OK ? engine_agent_await(session->agent, error) : status;
}

int session_engine_set_catches(struct session *session, struct error *error) {
    if (!session->agent)
        return TMPALLOC_OK;
    int status = check_selected(session, error);
    return status == TMPALLOC_OK ? engine_agent_set_catches(session->agent, error) : status;
}
