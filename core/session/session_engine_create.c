#include "session/session_engine_create.h"

#include <stdio.h>
#include <string.h>

#include "engines/agent_file.h"
#include "engines/agent_program.h"
#include "support/log.h"
#include "support/progress.h"

/* Choosing. */

/* Whether nothing is known against the agent; else *reason gets what. */
static bool is_agent_possible(struct session *session, const struct tmpalloc_process *process,
                              struct text *reason) {
    if (process->local && (process->pid != 0 || process->executable[0]))
        return !agent_program_refused(&session->host, process, reason);
    text_append(reason, process->local ? "the program is not known yet"
                                       : "the target is not on this machine");
    return false;
}

int session_engine_choose(struct session *session, const struct tmpalloc_process *process,
                          struct error *error) {
    session->chosen = session->options.engine;
    session->reason[0] = '\0';
    if (session->chosen != SESSION_AUTO && session->chosen != SESSION_AGENT) {
        LOG(LOG_SESSION, "%s engine is asked for", session_engine_name(session->chosen));
        return TMPALLOC_OK;
    }
    struct text reason;
    text_init(&reason);
    bool possible = is_agent_possible(session, process, &reason);
    if (!possible)
        snprintf(session->reason, sizeof(session->reason), "%s", text_get(&reason));
    text_deinit(&reason);
    if (!possible && session->chosen == SESSION_AGENT)
        return error_set(error, TMPALLOC_E_UNSUPPORTED,
                         "the agent can't be used: %s (--engine breakpoint can)", session->reason);
    session->chosen = possible ? SESSION_AGENT : SESSION_BREAKPOINT;
    LOG(LOG_SESSION, "%s engine is chosen%s%s", session_engine_name(session->chosen),
        possible ? "" : ": ", session->reason);
    return TMPALLOC_OK;
}

bool session_engine_can_preload(struct session *session, const struct tmpalloc_process *next) {
    struct text reason;
    enum session_engine engine = session->options.engine;
    if (engine != SESSION_AUTO && engine != SESSION_AGENT)
        return false;
    text_init(&reason);
    bool possible = is_agent_possible(session, next, &reason);
    text_deinit(&reason);
    return possible;
}

/* Creating. */

static int find_only_thread(struct session *session, uint64_t *ret, struct error *error) {
    *ret = 0;
    if (!session->options.only_this_thread)
        return TMPALLOC_OK;
    struct tmpalloc_thread thread;
    int status = host_current_thread(&session->host, &thread, error);
    if (status != TMPALLOC_OK)
        return error_set(error, status,
                         "--this-thread needs a thread: run to a stop and start there");
    *ret = thread.key;
    return TMPALLOC_OK;
}

static struct engine_parts parts_of(struct session *session, struct recording *recording) {
    bool python = session->options.python != PYTHON_OFF;
    return (struct engine_parts){&session->host,           recording->modules,
                                 recording->unwinder,      recording->tracker,
                                 recording->symbolizer,    python ? recording->python : NULL,
                                 &session->catches.engine, &recording->past_stacks};
}

static int create_breakpoint(struct session *session, struct recording *recording,
                             struct error *error) {
    const struct session_options *options = &session->options;
    struct engine_breakpoint_options engine_options = {
        .kind = session->chosen == SESSION_HARDWARE ? TMPALLOC_HARDWARE : TMPALLOC_SOFTWARE,
        .entries = {options->custom, options->custom_count, options->mappings, AGENT_FILE_SONAME},
        .within = options->within,
        .object_allocator = options->object_allocator ? recording->python : NULL,
    };
    const struct engine_parts parts = parts_of(session, recording);
    int status = find_only_thread(session, &engine_options.only_thread, error);
    recording->engine = session_engine_name(session->chosen);
    recording->copied = false;
    return status == TMPALLOC_OK
               ? engine_breakpoint_create(&parts, &engine_options, error, &session->engine)
               : status;
}

static struct engine_agent_options session_engine_agent_options(const struct session *session,
                                                                const struct recording *recording) {
    const struct session_options *options = &session->options;
    return (struct engine_agent_options){
        .max_threshold = options->max_threshold,
        .stack_depth = options->stack_depth,
        .memory_limit_bytes = options->memory_limit_bytes,
        .mappings = options->mappings,
        .only_this_thread = options->only_this_thread,
        .custom = options->custom,
        .custom_count = options->custom_count,
        .within = options->within,
        .object_allocator = options->object_allocator ? recording->python : NULL,
    };
}

static int create_agent(struct session *session, struct recording *recording, struct error *error) {
    const struct engine_agent_options options = session_engine_agent_options(session, recording);
    const struct engine_parts parts = parts_of(session, recording);
    recording->engine = session_engine_name(SESSION_AGENT);
    recording->copied = true;
    return engine_agent_create(&parts, &options, error, &session->agent);
}

int session_engine_preload(struct session *session, const struct recording *recording,
                           struct error *error) {
    const struct engine_agent_options options = session_engine_agent_options(session, recording);
    return agent_preload_begin(&session->preload, &session->host, &options,
                               session->options.python != PYTHON_OFF, error);
}

static enum engine_agent_beginning session_engine_beginning(const struct recording *recording,
                                                            enum session_entry entry) {
    if (entry != ENTRY_CONTINUES)
        return ENGINE_AGENT_ANEW;
    return recording->zeroed ? ENGINE_AGENT_ZEROED : ENGINE_AGENT_CONTINUES;
}

static int bring_in(struct session *session, struct recording *recording,
                    const struct tmpalloc_process *process, enum session_entry entry,
                    struct error *error) {
    if (process->pid == 0 || entry == ENTRY_PRELOADED)
        engine_agent_expect(session->agent);
    if (process->pid == 0)
        return session_engine_preload(session, recording, error);
    if (entry == ENTRY_PRELOADED)
        return TMPALLOC_OK;
    int status = recording_update_modules(recording, process, NULL, error);
    if (status != TMPALLOC_OK)
        return status;
    status = engine_agent_enter(session->agent, session_engine_beginning(recording, entry), error);
    if (status != TMPALLOC_OK)
        return status;
    recording->zeroed = false;
    return TMPALLOC_OK;
}

int session_engine_use_breakpoints(struct session *session, struct recording *recording,
                                   struct error *error) {
    char reason[sizeof(session->reason)];
    snprintf(reason, sizeof(reason), "%s", error->text);
    session_engine_destroy(session);
    if (progress_ask() != TMPALLOC_OK) /* the user's interrupt is no reason for breakpoints */
        return error_set(error, TMPALLOC_E_INTERRUPTED, "interrupted");
    if (session->options.engine != SESSION_AUTO)
        return error_set(error, TMPALLOC_E_UNSUPPORTED,
                         "the agent can't be used: %s (--engine breakpoint can)", reason);
    memcpy(session->reason, reason, sizeof(reason));
    session->chosen = SESSION_BREAKPOINT;
    LOG(LOG_SESSION, "breakpoint engine instead of the agent: %s", reason);
    return create_breakpoint(session, recording, error);
}

bool session_engine_has_no_agent(int status) {
    return status == TMPALLOC_E_UNSUPPORTED || status == TMPALLOC_E_HOST;
}

int session_engine_create(struct session *session, struct recording *recording,
                          const struct tmpalloc_process *process, enum session_entry entry,
                          struct error *error) {
    if (session->chosen != SESSION_AGENT)
        return create_breakpoint(session, recording, error);
    int status = create_agent(session, recording, error);
    if (status == TMPALLOC_OK)
        status = bring_in(session, recording, process, entry, error);
    if (session_engine_has_no_agent(status))
        return session_engine_use_breakpoints(session, recording, error);
    if (status != TMPALLOC_OK)
        session_engine_destroy(session);
    return status;
}

void session_engine_destroy(struct session *session) {
    engine_breakpoint_destroy(session->engine);
    engine_agent_destroy(session->agent);
    session->engine = NULL;
    session->agent = NULL;
}
