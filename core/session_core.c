#include <stdio.h>
#include <string.h>

#include "core_file.h"
#include "session_engine.h"

static int read_results(struct session *session, struct recording *recording,
                        const struct tmpalloc_process *process, struct error *error) {
    uint64_t image;
    struct agent_image_facts facts;
    struct snapshot snapshot;
    const struct engine_parts parts = {&session->host,        recording->modules,
                                       recording->unwinder,   recording->tracker,
                                       recording->symbolizer, recording->python};
    recording_set_process(recording, process);
    int status = recording_update_modules(recording, process, NULL, error);
    if (status == TMPALLOC_OK)
        status = engine_agent_find_in_core(recording->modules, process->core_file, &image, error);
    if (status == TMPALLOC_OK)
        status = engine_agent_read_image(&parts, image, &facts, &snapshot, error);
    if (status != TMPALLOC_OK)
        return status;
    recording->process.pid = facts.pid;
    recording->copied = true;
    recording->agent_bytes = facts.memory_bytes;
    recording_set_latest(recording, &snapshot, RECORDING_CORE);
    return TMPALLOC_OK;
}

static int open_core(struct session *session, const struct tmpalloc_process *process,
                     struct error *error) {
    struct recording *recording;
    int status = recording_create(&session->host, session_engine_name(SESSION_AGENT),
                                  SESSION_DEFAULT_MAX_THRESHOLD, error, &recording);
    if (status != TMPALLOC_OK)
        return status;
    status = read_results(session, recording, process, error);
    if (status != TMPALLOC_OK) {
        recording_destroy(recording);
        return status;
    }
    session_unload(session);
    recording_destroy(session->recording);
    session->recording = recording;
    session->state = SESSION_ENDED;
    session->chosen = SESSION_AGENT;
    snprintf(session->ended, sizeof(session->ended), "left a core file");
    return TMPALLOC_OK;
}

void session_look_at_core(struct session *session, const struct tmpalloc_process *process) {
    struct error error = {.text = ""};
    if (process->core_file[0] == '\0' || strcmp(process->core_file, session->core_file) == 0)
        return;
    snprintf(session->core_file, sizeof(session->core_file), "%s", process->core_file);
    session->core_problem[0] = '\0';
    if (open_core(session, process, &error) != TMPALLOC_OK)
        snprintf(session->core_problem, sizeof(session->core_problem), "%s", error.text);
}
