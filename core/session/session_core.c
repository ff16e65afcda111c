#include "session/session_core.h"

#include <stdio.h>
#include <string.h>

#include "names/core_file.h"
#include "session/session_engine.h"
#include "session/session_results.h"
#include "session/session_state.h"

/* Debuggers leave files out that aren't those of the process, some without a word. */
static uint32_t count_placeless(const struct stacks *stacks) {
    uint32_t count = 0;
    for (uint32_t number = 0; number < stacks_count(stacks); number++) {
        const struct stack *stack = stacks_get(stacks, number);
        uint32_t i = 0;
        while (i < stack->count && stack->frames[i].module != FRAME_NO_MODULE)
            i++;
        count += i < stack->count;
    }
    return count;
}

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
    recording->sandbox = facts.sandbox;
    recording->limited = facts.limited;
    recording->placeless = count_placeless(tracker_stacks(recording->tracker));
    return recording_set_latest(recording, &snapshot, RECORDING_CORE, error);
}

static int session_core_open_core(struct session *session, const struct tmpalloc_process *process,
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
    session_set_state(session, SESSION_ENDED, NULL);
    session->ending = (struct profile_ending){0};
    session->chosen = SESSION_AGENT;
    snprintf(session->ended, sizeof(session->ended), "left a core file");
    text_clear(&session->missing);
    session_append_files(session, &session->missing);
    if (session->missing.length > 0)
        host_message(&session->host, "tmpalloc: %s", text_get(&session->missing));
    return TMPALLOC_OK;
}

static bool is_same_core(const struct session *session, const char *path) {
    struct elf_stamp stamp = {0};
    elf_path_stamp(path, &stamp);
    return strcmp(path, session->core_file) == 0 && elf_stamp_equal(&stamp, &session->core_stamp);
}

void session_look_at_core(struct session *session, const struct tmpalloc_process *process) {
    struct error error = {.text = ""};
    if (is_same_core(session, process->core_file))
        return;
    snprintf(session->core_file, sizeof(session->core_file), "%s", process->core_file);
    session->core_stamp = (struct elf_stamp){0};
    elf_path_stamp(process->core_file, &session->core_stamp);
    session->core_problem[0] = '\0';
    if (process->core_file[0] && session_core_open_core(session, process, &error) != TMPALLOC_OK)
        snprintf(session->core_problem, sizeof(session->core_problem), "%s", error.text);
}
