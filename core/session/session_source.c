#include "session/session_source.h"

#include <string.h>

#include "names/elf_file.h"
#include "names/process_maps.h"
#include "profile/profile_names.h"

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
           process_maps_is_executable(source->pid, selected->executable) ||
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
