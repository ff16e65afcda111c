#include <stdio.h>
#include <string.h>

#include "names/core_file.h"
#include "profile/profile_names.h"
#include "profile/profile_threshold.h"
#include "session/session_engine.h"

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
    if (process->core_file[0] && open_core(session, process, &error) != TMPALLOC_OK)
        snprintf(session->core_problem, sizeof(session->core_problem), "%s", error.text);
}

static bool is_same_file(const char *one, const char *other) {
    struct elf_stamp stamp, other_stamp;
    return strcmp(one, other) == 0 ||
           (elf_path_stamp(one, &stamp) && elf_path_stamp(other, &other_stamp) &&
            elf_stamp_equal(&stamp, &other_stamp));
}

static bool is_source(const struct tmpalloc_process *source,
                      const struct tmpalloc_process *selected) {
    if (source->core_file[0] || selected->core_file[0])
        return strcmp(source->core_file, selected->core_file) == 0;
    if (source->pid == 0 || selected->pid != 0)
        return source->pid == 0 || source->pid == selected->pid;
    return source->executable[0] == '\0' || selected->executable[0] == '\0' ||
           is_same_file(source->executable, selected->executable);
}

void session_compare_source(struct session *session, const struct tmpalloc_process *process) {
    session->elsewhere = session->recording && !is_source(&session->recording->process, process);
}

void session_tell_source(struct session *session) {
    if (!session->elsewhere)
        return;
    session->elsewhere = false;
    const struct tmpalloc_process *source = &session->recording->process;
    const char *path = source->core_file[0] ? source->core_file : source->executable;
    struct text line;
    text_init(&line);
    text_printf(&line, "tmpalloc: not of what is selected: the results are of process %lld, ",
                (long long)source->pid);
    profile_append_printable(&line, path);
    host_show(&session->host, text_get(&line));
    text_deinit(&line);
}
